//! A schema folder with second majors, and reports that show which version a row is of.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use spokegate_contract::dataset::sha256_hex;
use tempfile::TempDir;
use zip::write::SimpleFileOptions;

/// The reports: folder, dataset, the lines of its need, and the name under which the template finds it.
const REPORTS: [(&str, &str, &str); 6] = [
    ("first", "devices", "version = 1\nmode = \"pull\""),
    ("second", "devices", "version = 2\nmode = \"pull\""),
    ("newest", "devices", "mode = \"pull\""),
    ("first-push", "backup-jobs", "version = 1\nmode = \"push\""),
    ("second-push", "backup-jobs", "version = 2\nmode = \"push\""),
    ("newest-push", "backup-jobs", "mode = \"push\""),
];

/// Says of each row whose it is, which version it is of, and what only that version has; a template may ask for what its
/// report supplies alone.
fn says(report: &str, dataset: &str) -> String {
    let row = match (dataset, report.split('-').next()) {
        ("devices", Some("first")) => "v1 {{ r.hostname }}",
        ("devices", Some("second")) => "{% if r.rack is defined %}v2 {{ r.rack }}{% endif %}",
        ("devices", _) => {
            "{% if r.rack is defined %}v2 {{ r.rack }}{% else %}v1 {{ r.hostname }}{% endif %}"
        }
        (_, Some("first")) => "v1 {{ r.job }}",
        (_, Some("second")) => "v2 {{ r.job }}",
        _ => "{% if r.outcome is defined %}v2 {{ r.job }}{% else %}v1 {{ r.job }}{% endif %}",
    };
    let key = dataset.replace('-', "_");
    format!(
        "{{% for t in tenants %}}{{% for r in t.{key}.rows %}}[{{{{ t.id }}}} {row}]{{% endfor %}}{{% endfor %}}"
    )
}

/// The folders of one test.
pub(crate) struct Folders {
    folder: TempDir,
    files: BTreeMap<String, Vec<u8>>,
}

impl Folders {
    /// The shipped schemas with a second major of two datasets, and the reports.
    pub(crate) fn new() -> Folders {
        let mut files = BTreeMap::new();
        gather(&repository().join("schemas"), "", &mut files);
        let mut folders = Folders {
            folder: tempfile::tempdir().unwrap(),
            files,
        };
        let text = |title: &str| json!({"title": title, "description": title, "type": "string", "maxLength": 40, "x-text": "line"});
        let closed = |properties: Value, required: Value| json!({"type": "object", "additionalProperties": false, "properties": properties, "required": required});
        let device = closed(
            json!({"host": text("Host"), "rack": text("Rack")}),
            json!(["host", "rack"]),
        );
        folders.second_major("devices", &device);
        let job = closed(
            json!({"job": text("Job"), "outcome": text("Outcome")}),
            json!(["job", "outcome"]),
        );
        folders.second_major("backup-jobs", &job);
        for (report, dataset, need) in REPORTS {
            write_report(&folders.reports().join(report), dataset, need);
        }
        folders
    }

    pub(crate) fn schemas(&self) -> PathBuf {
        self.folder.path().join("schemas")
    }

    pub(crate) fn reports(&self) -> PathBuf {
        self.folder.path().join("reports")
    }

    /// A schema of the folder.
    pub(crate) fn schema(&self, path: &str) -> Value {
        serde_json::from_slice(&self.files[path]).unwrap()
    }

    /// Adds a schema, and lists it in the index.
    pub(crate) fn put(&mut self, path: &str, schema: &Value) {
        let text = schema.to_string();
        let mut index = self.schema("registry.json");
        index["files"][path] = json!(sha256_hex(text.as_bytes()));
        self.files.insert(path.to_owned(), text.into_bytes());
        self.files
            .insert("registry.json".to_owned(), index.to_string().into_bytes());
        for (path, bytes) in &self.files {
            let path = self.schemas().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }

    fn second_major(&mut self, dataset: &str, row: &Value) {
        let mut index = self.schema("registry.json");
        let datasets = index["datasets"].as_array_mut().unwrap();
        datasets.push(json!({"id": dataset, "version": 2}));
        self.files
            .insert("registry.json".to_owned(), index.to_string().into_bytes());
        let none = json!({"type": "object", "additionalProperties": false, "properties": {}});
        self.put(&format!("{dataset}/v2/params.schema.json"), &none);
        self.put(&format!("{dataset}/v2/row.schema.json"), row);
    }
}

/// A flow that answers every request with these rows; it runs as long as the test does.
pub(crate) fn flow(rows: &Value) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let body = rows.to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4_096];
            let _ = stream.read(&mut request);
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
            let _ = write!(
                stream,
                "{head}\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
        }
    });
    address
}

/// The text of a document.
pub(crate) fn said(document: &[u8]) -> String {
    let mut package = zip::ZipArchive::new(Cursor::new(document)).unwrap();
    let xml = std::io::read_to_string(package.by_name("word/document.xml").unwrap()).unwrap();
    let texts = xml.split("<w:t").skip(1).filter_map(|rest| {
        let text = rest.split_once('>')?.1;
        Some(text.split_once("</w:t>")?.0.to_owned())
    });
    texts.collect()
}

/// The shipped report with another need and other words.
fn write_report(folder: &Path, dataset: &str, need: &str) {
    let shipped = repository().join("report-service/reports/customer-overview");
    fs::create_dir_all(folder).unwrap();
    for file in ["params.schema.json", "sample.json"] {
        fs::copy(shipped.join(file), folder.join(file)).unwrap();
    }
    let name = folder.file_name().unwrap().to_str().unwrap();
    let toml = format!(
        "title = \"{name}\"\ndescription = \"Which version a row is of.\"\nfile_name = \"{name}.docx\"\n\n\
         [[need]]\ndataset = \"{dataset}\"\n{need}\n"
    );
    fs::write(folder.join("report.toml"), toml).unwrap();
    let template = fs::read(shipped.join("template.docx")).unwrap();
    let says = says(name, dataset);
    fs::write(folder.join("template.docx"), with_body(&template, &says)).unwrap();
}

/// The template with one paragraph in place of its body.
fn with_body(template: &[u8], says: &str) -> Vec<u8> {
    let mut package = zip::ZipArchive::new(Cursor::new(template)).unwrap();
    let mut out = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..package.len() {
        let mut entry = package.by_index(index).unwrap();
        let name = entry.name().unwrap().into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        if name == "word/document.xml" {
            let xml = String::from_utf8(bytes).unwrap();
            let (head, rest) = xml.split_once("<w:body>").unwrap();
            let tail = &rest[rest.rfind("<w:sectPr").unwrap()..];
            let paragraph =
                format!("<w:p><w:r><w:t xml:space=\"preserve\">{says}</w:t></w:r></w:p>");
            bytes = format!("{head}<w:body>{paragraph}{tail}").into_bytes();
        }
        out.start_file(name, SimpleFileOptions::default()).unwrap();
        out.write_all(&bytes).unwrap();
    }
    out.finish().unwrap().into_inner()
}

fn gather(root: &Path, below: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(root.join(below)).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let below = if below.is_empty() {
            name.to_owned()
        } else {
            format!("{below}/{name}")
        };
        if path.is_dir() {
            gather(root, &below, files);
        } else {
            files.insert(below, fs::read(path).unwrap());
        }
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
