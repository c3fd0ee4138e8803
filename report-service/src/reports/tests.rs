use std::path::Path;

use serde_json::Value;
use spokegate_contract::Registry;

use spokegate_daemon::Tasks;
use spokegate_daemon::cli::wait_for;

use super::*;
use crate::config::RenderConfig;
use crate::relay::Contracts;
use crate::render::Renderer;
use crate::testing::schemas;

fn contracts() -> Contracts {
    Contracts::compile(&Registry::open(&schemas()).unwrap()).unwrap()
}

fn open(directory: &Path, contracts: &Contracts) -> Result<Catalogue, ReportFaults> {
    let work = async {
        let (config, folder) = (RenderConfig::default(), std::env::temp_dir());
        let renderer = Renderer::new(&config, &folder, &Tasks::new())?;
        Ok(Catalogue::open(directory, contracts, &renderer).await)
    };
    wait_for(work).unwrap()
}

fn shipped() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("reports")
}

/// The shipped report's folder under another roof, changed.
fn changed(change: impl FnOnce(&Path)) -> Result<Catalogue, ReportFaults> {
    let roof = tempfile::tempdir().unwrap();
    let folder = roof.path().join("customer-overview");
    std::fs::create_dir(&folder).unwrap();
    for name in [
        "report.toml",
        "params.schema.json",
        "sample.json",
        "template.docx",
    ] {
        std::fs::copy(
            shipped().join("customer-overview").join(name),
            folder.join(name),
        )
        .unwrap();
    }
    change(&folder);
    open(roof.path(), &contracts())
}

#[track_caller]
fn refused(change: impl FnOnce(&Path), expected: &[&str]) {
    let faults = changed(change).unwrap_err();
    for expected in expected {
        assert!(
            faults.0.iter().any(|fault| fault.contains(expected)),
            "{faults} has no {expected:?}"
        );
    }
    assert_eq!(faults.0.len(), expected.len(), "{faults}");
}

#[test]
fn the_shipped_reports_load() {
    let catalogue = open(&shipped(), &contracts()).unwrap();
    let overview = catalogue
        .get(&"customer-overview".parse().unwrap())
        .unwrap();
    let needs: Vec<_> = overview
        .needs
        .iter()
        .map(|need| (need.key.as_str(), need.required, need.max_age_ms))
        .collect();
    let day = Some(86_400_000);
    assert_eq!(
        needs,
        [
            ("devices", true, None),
            ("patch_status", true, None),
            ("backup_jobs", false, day)
        ]
    );
    assert!(overview.is_for(&[]));
    assert_eq!(overview.template_sha256.len(), 64);
    let shown = overview.shown_params(&serde_json::Map::new());
    assert_eq!(
        (&shown["title"], &shown["note"]),
        (
            &serde_json::json!("Customer overview"),
            &serde_json::Value::Null
        )
    );
}

#[test]
fn every_fault_of_every_folder_is_told_at_once() {
    let write =
        |folder: &Path, name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    refused(
        |folder| {
            write(
                folder,
                "report.toml",
                "title = \"\"\nfile_name = \"{customer}.doc\"\n\
                 [[need]]\ndataset = \"printers\"\n\
                 [[need]]\ndataset = \"devices\"\nmode = \"push\"\n\
                 [[need]]\ndataset = \"devices\"\ntimeout_s = 0\nparams = { limitt = 5, kind = \"$what\" }\n",
            );
            std::fs::remove_file(folder.join("sample.json")).unwrap();
            write(folder, "params.schema.json", "{");
            write(folder, "template.docx", "hello");
        },
        &[
            "customer-overview/report.toml: `title` must have 1 to 120",
            "`file_name` ends in .docx and holds",
            "need \"printers\": no such dataset; known: backup-jobs v1, certificates v1, devices v1, disk-capacity v1",
            "need \"devices\": mode is \"push\", but this dataset is never pushed",
            "need \"devices\" stands twice",
            "need \"devices\": timeout_s must be 1 to 600",
            "need \"devices\": parameter \"limitt\" is not one of the dataset's",
            "customer-overview/sample.json: cannot be read: No such file",
            "customer-overview/params.schema.json: is not JSON",
            "customer-overview/template.docx: the file is not a Word document",
        ],
    );
}

#[test]
fn a_report_without_a_template_shows_all_of_its_needs() {
    let catalogue = changed(|folder| {
        std::fs::remove_file(folder.join("template.docx")).unwrap();
    });
    let catalogue = catalogue.unwrap();
    let report = catalogue
        .get(&"customer-overview".parse().unwrap())
        .unwrap();
    let read =
        docx_jinja::lint::inspect(&report.template.file, docx_jinja::Options::default()).unwrap();
    for need in ["devices", "patch_status", "backup_jobs"] {
        let rows = format!("tenants[].{need}.rows[].hostname");
        let is_read = read.variables.iter().any(|variable| variable.path == rows);
        assert!(is_read, "{rows} is not read");
    }
    refused(
        |folder| {
            std::fs::remove_file(folder.join("template.docx")).unwrap();
            std::fs::write(folder.join("report.toml"), "title = \"None\"").unwrap();
        },
        &["template.docx: is missing, and there is no need that a plain one could show"],
    );
}

#[test]
fn single_faults() {
    let write =
        |folder: &Path, name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    let append = |folder: &Path, text: &str| {
        let toml = std::fs::read_to_string(folder.join("report.toml")).unwrap();
        std::fs::write(folder.join("report.toml"), format!("{toml}\n{text}")).unwrap();
    };
    refused(
        |folder| append(folder, "requierd = true"),
        &["unknown field `requierd`"],
    );
    refused(
        |folder| append(folder, "params = { limit = \"$rows\" }"),
        &["comes from \"$rows\", which params.schema.json does not have"],
    );
    refused(
        |folder| write(folder, "params.schema.json", "{\"type\": \"object\"}"),
        &["/additionalProperties: must be false"],
    );
    refused(
        |folder| write(folder, "sample.json", "{}"),
        &["template.docx: cannot be filled with sample.json:"],
    );
    let faults = changed(|folder| {
        std::fs::rename(folder, folder.with_file_name("Customer Overview")).unwrap()
    })
    .unwrap_err();
    assert!(
        faults.0[0].starts_with("Customer Overview: the folder's name is not a report id"),
        "{faults}"
    );
    let missing = open(Path::new("/nowhere"), &contracts()).unwrap_err();
    assert!(missing.0[0].contains("hint: set `reports`"), "{missing}");
}

#[test]
fn groups_restrict_who_may_start_a_report() {
    let groups = |text: &str| {
        let with = |folder: &Path| {
            let toml = std::fs::read_to_string(folder.join("report.toml")).unwrap();
            std::fs::write(
                folder.join("report.toml"),
                format!("groups = {text}\n{toml}"),
            )
            .unwrap();
        };
        changed(with)
            .unwrap()
            .get(&"customer-overview".parse().unwrap())
            .unwrap()
            .clone()
    };
    let report = groups("[\"auditors\"]");
    assert!(report.is_for(&["staff".into(), "auditors".into()]));
    assert!(!report.is_for(&["staff".into()]));
    assert!(!report.is_for(&[]));
    assert!(groups("[]").is_for(&[]));
}

#[test]
fn a_parameter_may_be_a_datasets_own() {
    let schema = |uri: &str| {
        serde_json::json!({
            "type": "object", "additionalProperties": false,
            "properties": {"device_kind": {"$ref": uri, "title": "Which devices"}},
        })
        .to_string()
    };
    let parameter = "https://schemas.spokegate.invalid/devices/v1/params.json#/properties/kind";
    let catalogue = changed(|folder| {
        std::fs::write(folder.join("params.schema.json"), schema(parameter)).unwrap();
    })
    .unwrap();
    let report = catalogue.iter().next().unwrap();
    let field = &report.form.fields()[0];
    assert_eq!(
        (field.title.as_str(), field.help.as_str()),
        ("Which devices", "Leave empty for all kinds.")
    );
    let crate::forms::FieldKind::Choice(choices) = &field.kind else {
        panic!("{field:?}");
    };
    assert_eq!(choices[0], ("server".to_owned(), "Server".to_owned()));
    for uri in [
        parameter.replace("kind", "colour"),
        parameter.replace("v1", "v9"),
        "https://example.org/x.json".to_owned(),
    ] {
        let faults = changed(|folder| {
            std::fs::write(folder.join("params.schema.json"), schema(&uri)).unwrap();
        })
        .unwrap_err();
        assert!(
            faults.to_string().contains("is no dataset's parameter"),
            "{faults}"
        );
    }
}

#[test]
fn a_field_may_be_filled_from_a_datasets_rows() {
    let schema = |from: Value| {
        serde_json::json!({
            "type": "object", "additionalProperties": false,
            "properties": {
                "kind": { "type": "string", "maxLength": 20 },
                "device": { "type": "string", "maxLength": 63, "x-ui": { "options-from": from } },
            },
        })
        .to_string()
    };
    let load = |from: Value| {
        changed(|folder| std::fs::write(folder.join("params.schema.json"), schema(from)).unwrap())
    };
    let good = serde_json::json!({
        "dataset": "devices", "value": "/hostname", "label": "/owner", "params": { "kind": "$kind" },
        "where": { "/kind": "$kind" },
    });
    let catalogue = load(good.clone()).unwrap();
    let options = &catalogue.iter().next().unwrap().options["device"];
    assert_eq!(options.need.dataset.as_str(), "devices");
    assert_eq!(options.need.timeout_ms, 10_000, "a person waits for it");
    for (key, value, expected) in [
        ("dataset", "widgets", "no such dataset"),
        (
            "value",
            "/host",
            "\"/host\" leads to no plain value of devices v1; known: /hostname,",
        ),
        ("label", "owner", "\"owner\" leads to no plain value"),
        ("source", "helpdesk", "either a dataset or a source"),
        ("colour", "red", "unknown field `colour`"),
        ("required", "no", "goes with a need"),
        ("timeout_s", "100", "timeout_s must be 1 to 30"),
    ] {
        let mut from = good.clone();
        from[key] = value.into();
        let faults = load(from).unwrap_err().to_string();
        let at = "params.schema.json: /properties/device/x-ui/options-from: ";
        assert!(faults.contains(at), "{faults}");
        assert!(faults.contains(expected), "{faults} has no {expected:?}");
    }
    let mut from = good.clone();
    from["params"] = serde_json::json!({ "colour": "$kind" });
    let faults = load(from).unwrap_err().to_string();
    assert!(
        faults.contains("\"colour\" is not one of the dataset's"),
        "{faults}"
    );
}

#[test]
fn a_document_says_how_old_its_data_may_be() {
    let older = |folder: &Path, value: &str| {
        let path = folder.join("report.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let with = format!("dataset = \"devices\"\nolder_data_s = {value}\n");
        std::fs::write(&path, text.replace("dataset = \"devices\"\n", &with)).unwrap();
    };
    // The starter template shows what its data is as of.
    let catalogue = changed(|folder| {
        older(folder, "3600");
        std::fs::remove_file(folder.join("template.docx")).unwrap();
    });
    let catalogue = catalogue.unwrap();
    let report = catalogue.iter().next().unwrap();
    assert_eq!(report.needs[0].older_ms, Some(3_600_000));
    for value in ["59", "7776001"] {
        let faults = changed(|folder| older(folder, value)).unwrap_err();
        let expected = "need \"devices\": older_data_s must be 60 to 7776000";
        assert!(faults.to_string().contains(expected), "{faults}");
    }
    let silent = changed(|folder| {
        older(folder, "3600");
        let shown = ["if t.devices.captured_at", "t.devices.captured_at|datetime"];
        rewritten(folder, shown[0], "if t.devices.count");
        rewritten(folder, shown[1], "t.devices.count");
    });
    let faults = silent.unwrap_err().to_string();
    let expected = "does not say how old the data is: need \"devices\" has older_data_s";
    assert!(faults.contains(expected), "{faults}");
}

#[test]
fn pictures_belong_to_a_report() {
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0\0\0\0\0";
    let with = |name: &'static str, bytes: Vec<u8>| {
        move |folder: &Path| {
            std::fs::create_dir(folder.join("pictures")).unwrap();
            std::fs::write(folder.join("pictures/.hidden"), "").unwrap();
            std::fs::write(folder.join("pictures").join(name), bytes).unwrap();
        }
    };
    let catalogue = changed(with("logo.png", png.to_vec())).unwrap();
    let template = &catalogue.iter().next().unwrap().template;
    assert_eq!(template.pictures.keys().collect::<Vec<_>>(), ["logo"]);
    assert!(template.refresh_fields);
    refused(
        with("logo.svg", b"<svg/>".to_vec()),
        &["customer-overview/pictures/logo.svg: is not called like a picture"],
    );
    refused(
        with("logo.png", b"<svg/>".to_vec()),
        &["customer-overview/pictures: \"logo\": an SVG drawing cannot stand in a document"],
    );
    refused(
        |folder| {
            with("logo.png", png.to_vec())(folder);
            std::fs::write(folder.join("pictures/logo.gif"), png).unwrap();
        },
        &["pictures/logo.png: is a second picture called \"logo\""],
    );
    refused(
        |folder| {
            std::fs::create_dir(folder.join("pictures")).unwrap();
            for number in 0..65 {
                std::fs::write(folder.join(format!("pictures/p{number}.png")), png).unwrap();
            }
        },
        &["pictures: at most 64 pictures, not 65"],
    );
    refused(
        |folder| {
            std::fs::create_dir(folder.join("pictures")).unwrap();
            for number in 1..=3 {
                let file = std::fs::File::create(folder.join(format!("pictures/p{number}.png")));
                file.unwrap().set_len(12 * 1024 * 1024).unwrap();
            }
        },
        &[
            "pictures/p3.png: with it the pictures are larger than 33554432 bytes",
            "pictures: \"p1\": the picture is neither PNG, JPEG nor GIF",
        ],
    );
}

#[test]
fn a_report_may_leave_its_table_of_contents_alone() {
    let set = |text: &'static str| {
        move |folder: &Path| {
            let toml = std::fs::read_to_string(folder.join("report.toml")).unwrap();
            std::fs::write(folder.join("report.toml"), format!("{toml}\n{text}")).unwrap();
        }
    };
    let catalogue = changed(set("[template]\nrefresh_fields = false")).unwrap();
    assert!(!catalogue.iter().next().unwrap().template.refresh_fields);
    refused(
        set("[template]\nrefresh_field = false"),
        &["unknown field `refresh_field`"],
    );
}

#[test]
fn a_period_names_the_file_and_is_read_by_the_template() {
    let schema = serde_json::json!({
        "type": "object", "additionalProperties": false,
        "properties": {
            "title": {"type": "string", "maxLength": 80, "default": "Customer overview"},
            "audience": {"type": "string", "enum": ["management", "technical"], "default": "technical"},
            "only_missing": {"type": "boolean", "default": false},
            "note": {"type": "string", "maxLength": 2000},
            "span": {"type": "string", "x-ui": "period"},
        },
    });
    let with_name = |folder: &Path, name: &str, schema: &serde_json::Value| {
        let text = std::fs::read_to_string(folder.join("report.toml")).unwrap();
        let text = text.replace("{title}-{tenants}-{date}", name);
        std::fs::write(folder.join("report.toml"), text).unwrap();
        std::fs::write(folder.join("params.schema.json"), schema.to_string()).unwrap();
    };
    let catalogue = changed(|folder| with_name(folder, "{tenants}-{period}", &schema)).unwrap();
    let report = catalogue
        .get(&"customer-overview".parse().unwrap())
        .unwrap();
    let settled = report.settled(serde_json::Map::new(), "2026-11-22".parse().unwrap());
    assert_eq!(settled["span"], "2026-10-01/2026-10-31");
    assert_eq!(report.days(&settled).unwrap().short(), "2026-10");
    let shown = &report.shown_params(&settled)["span"];
    assert_eq!(
        (&shown["from"], &shown["title"]),
        (&"2026-10-01".into(), &"October 2026".into())
    );
    // What is settled stays as it is on another day.
    let later = report.settled(settled.clone(), "2027-03-01".parse().unwrap());
    assert_eq!(later, settled);
    let mut plain = schema.clone();
    plain["properties"]
        .as_object_mut()
        .unwrap()
        .shift_remove("span");
    refused(
        |folder| with_name(folder, "{tenants}-{period}", &plain),
        &["`file_name` holds {period}, but params.schema.json has no field"],
    );
}

/// The shipped template with one text for another, in its document.
fn rewritten(folder: &Path, from: &str, to: &str) {
    use std::io::{Cursor, Read as _, Write as _};
    let shipped = std::fs::read(folder.join("template.docx")).unwrap();
    let mut archive = zip::ZipArchive::new(Cursor::new(shipped)).unwrap();
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).unwrap();
        let (name, mut bytes) = (file.name().unwrap().into_owned(), Vec::new());
        file.read_to_end(&mut bytes).unwrap();
        if name == "word/document.xml" {
            let document = String::from_utf8(bytes).unwrap();
            assert!(document.contains(from), "{from} is not in the template");
            bytes = document.replacen(from, to, 1).into_bytes();
        }
        let options = zip::write::SimpleFileOptions::default();
        writer.start_file(name, options).unwrap();
        writer.write_all(&bytes).unwrap();
    }
    let made = writer.finish().unwrap().into_inner();
    std::fs::write(folder.join("template.docx"), made).unwrap();
}

#[test]
fn a_name_that_the_report_does_not_supply_is_its_fault() {
    let check = |from: &str, to: &str, expected: &[&str]| {
        let faults = changed(|folder| rewritten(folder, from, to)).unwrap_err();
        let told = faults.to_string();
        assert_eq!(faults.0.len(), 1, "{told}");
        for expected in expected {
            assert!(told.contains(expected), "{told} has no {expected:?}");
        }
    };
    check(
        "{{ r.hostname }}",
        "{{ r.hostnam }}",
        &[
            "customer-overview/template.docx: document, paragraph ",
            "{{ r.hostnam }}",
            "there is no r.hostnam in the values of r",
            "did you mean r.hostname?",
        ],
    );
    // Also where the sample has nothing to fill in, so that filling would not show it.
    check(
        "{{ r.hostname }}",
        "{% if not r %}{{ params.nowhere }}{% endif %}{{ r.hostname }}",
        &[
            "{{ params.nowhere }}",
            "there is no params.nowhere in the values of params",
        ],
    );
    // What is asked for first may be missing.
    let asked = "{% if params.nowhere is defined %}x{% endif %}{{ r.hostname }}";
    let asked = changed(|folder| rewritten(folder, "{{ r.hostname }}", asked));
    assert!(asked.is_ok(), "{}", asked.unwrap_err());
}

#[test]
fn a_configuration_is_good_when_its_reports_are() {
    let folders = |reports: &Path, schemas: &Path| {
        let none = Path::new("/nonexistent");
        check::of_folders((reports, none, none), schemas, &RenderConfig::default()).join("\n")
    };
    let nowhere = Path::new("/nowhere");
    assert_eq!(folders(&shipped(), &schemas()), "");
    let told = folders(&shipped(), nowhere);
    assert!(told.contains("hint: `schemas` names"), "{told}");
    let told = folders(nowhere, &schemas());
    assert!(told.contains("hint: set `reports`"), "{told}");
}
