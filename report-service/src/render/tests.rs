use std::sync::{Arc, Mutex};

use spokegate_confine::SandboxMode;
use spokegate_daemon::Tasks;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata};

use super::Renderer;
use crate::config::{PdfConfig, RenderConfig};
use crate::pdf::Pdf;

/// The keys that warnings name.
#[derive(Clone, Default)]
struct Warned(Arc<Mutex<Vec<String>>>);

impl Visit for &Warned {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "key" {
            self.0.lock().unwrap().push(value.to_owned());
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

impl tracing::Subscriber for Warned {
    fn enabled(&self, about: &Metadata<'_>) -> bool {
        *about.level() == Level::WARN
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut &*self);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[test]
fn less_confinement_is_warned_of_once_at_the_start() {
    let check = |sandbox: SandboxMode, expected: &[&str]| {
        let warned = Warned::default();
        tracing::subscriber::with_default(warned.clone(), || {
            let render = RenderConfig {
                sandbox,
                ..RenderConfig::default()
            };
            let pdf = PdfConfig {
                sandbox,
                ..PdfConfig::default()
            };
            let (folder, tasks) = (std::env::temp_dir(), Tasks::new());
            let renderer = Renderer::new(&render, &folder, &tasks).unwrap();
            assert!(Pdf::find(&pdf, &tasks).unwrap().is_some());
            // Each document has a renderer of its own.
            drop(renderer.in_locale(docx_jinja::Locale::default()));
        });
        assert_eq!(*warned.0.lock().unwrap(), expected, "{sandbox:?}");
    };
    check(SandboxMode::Require, &[]);
    check(SandboxMode::BestEffort, &["render.sandbox", "pdf.sandbox"]);
}
