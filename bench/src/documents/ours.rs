//! Our side: one task in the present process.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use docx_jinja::values::{Length, Picture};
use docx_jinja::{Options, Template, Value};
use rustix::time::{ClockId, clock_gettime};
use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::values::Read;
use super::{Spent, plain};
use crate::memory::peak_mib;

const WARM_UP: u32 = 20;
const LETTERS: u32 = 200;

/// Fills one document as a process of its own would and says what it spent. Tasks: `letter`, `letters` (many in one
/// process, time of each), `rows-N`, `pictures`, `held-N`, `unchecked-N`, `deflate-N`, `stream-N`, `plain-N`.
pub fn run(task: &str, folder: &Path, out: &Path) -> anyhow::Result<Spent> {
    match task.split_once('-') {
        None if task == "letters" => letters(folder, out),
        None if task == "pictures" => whole("pictures", pictures(folder)?, folder, out),
        None => whole(
            task,
            read(&folder.join(format!("{task}.json")))?,
            folder,
            out,
        ),
        Some(("rows", _)) => whole(
            "table",
            read(&folder.join(format!("{task}.json")))?,
            folder,
            out,
        ),
        Some(("plain", size)) => {
            plain::report(&folder.join(format!("rows-{size}.json")), out)?;
            Ok(Spent {
                cpu_ms: cpu_ms(),
                peak_mib: peak_mib(std::process::id()),
            })
        }
        Some((part, size)) => {
            of_table(part, &folder.join(format!("rows-{size}.json")), folder, out)
        }
    }
}

/// The time and memory of the whole process.
fn whole(name: &str, values: Value, folder: &Path, out: &Path) -> anyhow::Result<Spent> {
    fill(&template(name, folder, Options::default())?, values, out)?;
    Ok(Spent {
        cpu_ms: cpu_ms(),
        peak_mib: peak_mib(std::process::id()),
    })
}

fn letters(folder: &Path, out: &Path) -> anyhow::Result<Spent> {
    let values = read(&folder.join("letter.json"))?;
    let template = template("letter", folder, Options::default())?;
    for _ in 0..WARM_UP {
        template.render(values.clone(), io::sink())?;
    }
    let before = cpu_ms();
    for _ in 0..LETTERS {
        let mut document = Vec::new();
        template.render(values.clone(), &mut document)?;
    }
    let cpu_ms = (cpu_ms() - before) / f64::from(LETTERS);
    fill(&template, values, out)?;
    Ok(Spent {
        cpu_ms,
        peak_mib: peak_mib(std::process::id()),
    })
}

/// A table in parts: what each costs by itself.
fn of_table(part: &str, rows: &Path, folder: &Path, out: &Path) -> anyhow::Result<Spent> {
    let options = Options {
        verify: part != "unchecked",
        ..Options::default()
    };
    let level = options.compression_level;
    let template = template("table", folder, options)?;
    let values = match part {
        "stream" => streamed(rows)?,
        "held" | "unchecked" | "deflate" => read(rows)?,
        _ => bail!("no task is called {part}"),
    };
    let xml = match part {
        "deflate" => {
            fill(&template, values.clone(), out)?;
            Some(document_xml(out)?)
        }
        _ => None,
    };
    let (cpu_before, memory_before) = (cpu_ms(), peak_mib(std::process::id()));
    match xml {
        Some(xml) => deflate(&xml, level, out)?,
        None => fill(&template, values, out)?,
    }
    Ok(Spent {
        cpu_ms: cpu_ms() - cpu_before,
        peak_mib: peak_mib(std::process::id()) - memory_before,
    })
}

fn template(name: &str, folder: &Path, options: Options) -> anyhow::Result<Template> {
    let file = folder.join(format!("docx-jinja/{name}.docx"));
    let bytes = fs::read(&file).with_context(|| format!("read {}", file.display()))?;
    Template::compile_with(&bytes, options).context("compile the template")
}

fn fill(template: &Template, values: Value, out: &Path) -> anyhow::Result<()> {
    let file = File::create(out).context("make the document's file")?;
    let mut writer = BufWriter::new(file);
    template
        .render(values, &mut writer)
        .context("fill the template")?;
    writer.flush().context("write the document")
}

fn read(file: &Path) -> anyhow::Result<Value> {
    let bytes = fs::read(file).with_context(|| format!("read {}", file.display()))?;
    let Read(value) = serde_json::from_slice(&bytes).context("read the data")?;
    Ok(value)
}

/// The rows of a file one by one, as often as they are asked for.
fn streamed(file: &Path) -> anyhow::Result<Value> {
    let lines = file.with_extension("jsonl");
    File::open(&lines).with_context(|| format!("open {}", lines.display()))?;
    let rows = Value::make_object_iterable(lines, |lines: &PathBuf| {
        // A file that has gone since gives no rows, and the texts then differ.
        let file = File::open(lines).ok();
        let read = |file| serde_json::Deserializer::from_reader(BufReader::new(file)).into_iter();
        let rows = file.into_iter().flat_map(read);
        Box::new(rows.map_while(|row: Result<Read, _>| Some(row.ok()?.0)))
    });
    Ok(Value::from_pairs([
        ("title", Value::from("Devices")),
        ("rows", rows),
    ]))
}

fn pictures(folder: &Path) -> anyhow::Result<Value> {
    let listed = fs::read_dir(folder.join("pictures")).context("list the pictures")?;
    let mut files: Vec<PathBuf> = listed
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<_>>()?;
    files.sort();
    let width = Length::cm(2.0);
    let rows = files.iter().map(|file| {
        let picture = Picture::new(fs::read(file)?)?.width(width);
        anyhow::Ok(Value::from_pairs([("picture", Value::from(picture))]))
    });
    let rows: Vec<Value> = rows.collect::<Result<_, _>>()?;
    Ok(Value::from_pairs([("rows", Value::from(rows))]))
}

fn document_xml(document: &Path) -> anyhow::Result<Vec<u8>> {
    let mut archive = zip::ZipArchive::new(File::open(document)?)?;
    let mut xml = Vec::new();
    io::copy(&mut archive.by_name("word/document.xml")?, &mut xml)?;
    Ok(xml)
}

fn deflate(xml: &[u8], level: u8, out: &Path) -> anyhow::Result<()> {
    let mut writer = ZipWriter::new_stream(BufWriter::new(File::create(out)?));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(i64::from(level)));
    writer.start_file("word/document.xml", options)?;
    writer.write_all(xml)?;
    writer.finish()?;
    Ok(())
}

/// Processor time of this process so far.
fn cpu_ms() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}
