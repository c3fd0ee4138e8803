//! Every recipe of docs/TEMPLATES.md gives what the guide says.
//!
//! With `GUIDE_FOLDER` the templates and documents that have pictures are left there, for docs/templates/pictures.sh.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "guide/page.rs"]
mod page;

use std::io::Cursor;
use std::path::{Path, PathBuf};

use docx_jinja::values::{Assets, Picture};
use docx_jinja::{Template, Value};
use serde_json::Value as Json;

/// A recipe: what is written, what comes out, and the pictures that show it.
struct Recipe {
    template: Vec<String>,
    document: Vec<String>,
    pictures: Option<String>,
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

fn recipes(guide: &str) -> Vec<Recipe> {
    let mut recipes: Vec<Recipe> = Vec::new();
    let mut lines = guide.lines();
    while let Some(line) = lines.next() {
        let mut block = || -> Vec<String> {
            let inner = lines.by_ref().take_while(|line| *line != "```");
            inner.map(str::to_owned).collect()
        };
        match line {
            "```template" => recipes.push(Recipe {
                template: block(),
                document: Vec::new(),
                pictures: None,
            }),
            "```document" => recipes.last_mut().unwrap().document = block(),
            _ if line.contains("](templates/") && line.starts_with('|') => {
                let (_, name) = line.split_once("](templates/").unwrap();
                let name = name.split(['-', '.']).next().unwrap().to_owned();
                recipes.last_mut().unwrap().pictures = Some(name);
            }
            _ => {}
        }
    }
    recipes
}

fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(truth) => Value::from(*truth),
        Json::String(text) => Value::from(text.as_str()),
        Json::Number(number) => Value::from(number.as_i64().unwrap()),
        Json::Array(items) => items.iter().map(value).collect::<Vec<_>>().into(),
        Json::Object(members) => Value::from_pairs(
            members
                .iter()
                .map(|(key, member)| (key.clone(), value(member))),
        ),
    }
}

#[test]
fn every_recipe_of_the_guide_gives_what_it_says() {
    let guide = std::fs::read_to_string(docs().join("TEMPLATES.md")).unwrap();
    let data = std::fs::read(docs().join("templates/data.json")).unwrap();
    let values = value(&serde_json::from_slice(&data).unwrap());
    let logo = std::fs::read(docs().join("templates/logo.png")).unwrap();
    let left = std::env::var_os("GUIDE_FOLDER").map(PathBuf::from);
    let recipes = recipes(&guide);
    let mut faults = Vec::new();
    for recipe in &recipes {
        let bytes = page::docx(&recipe.template);
        let shown = recipe.template.join("\n");
        let template = match Template::compile(&bytes) {
            Ok(template) => template,
            Err(error) => {
                faults.push(format!("{shown}\n{error}"));
                continue;
            }
        };
        let assets = Assets::new().picture("logo", Picture::new(logo.clone()).unwrap());
        let mut document = Vec::new();
        if let Err(error) = template.render_with(values.clone(), assets, &mut document) {
            faults.push(format!("{shown}\n{error}"));
            continue;
        }
        let found = page::lines(Cursor::new(&document));
        if found != recipe.document {
            faults.push(format!(
                "{shown}\n  gives:\n{}\n  not:\n{}",
                found.join("\n"),
                recipe.document.join("\n")
            ));
        }
        if let (Some(folder), Some(name)) = (&left, &recipe.pictures) {
            std::fs::write(folder.join(format!("{name}-template.docx")), bytes).unwrap();
            std::fs::write(folder.join(format!("{name}-document.docx")), document).unwrap();
        }
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n\n"));
    assert!(recipes.len() >= 20, "only {} recipes found", recipes.len());
}
