//! What an agent needs before it can run, from its configuration.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use spokegate_contract::{Address, Dataset, DatasetId, Kind, Registry, Shape};
use spokegate_daemon::Clock;
use spokegate_identity::{Principal, client_config};
use spokegate_sources::Columns;

use crate::bindings::{Binding, Bindings};
use crate::config::{Config, FileFormat, SourceConfig, SourceKind};
use crate::credentials::Store;
use crate::keeper::{self, Lines};
use crate::push::log;
use crate::source::file::{FileSource, Written};
use crate::source::http::{HttpClient, HttpSource};
use crate::source::node_red::{Node, NodeRedSource};
use crate::source::node_red_log::LogSource;
use crate::source::table::{Origin, TableSource};
use crate::source::{Cached, Shelf, Source};
use crate::spool::{Spool, SpoolOptions};

const HOUR_MS: u64 = 3_600_000;

/// The certificate's files, after what a process that ended had begun to replace is replaced.
pub(super) fn store(config: &Config) -> anyhow::Result<Arc<Store>> {
    let store = Store::new(config.tls.clone());
    if store
        .recover()
        .context("finish the renewal of the certificate")?
    {
        tracing::info!("a renewal of the certificate that was cut short is finished");
    }
    if let (true, Err(error)) = (config.enrolment.renew, store.check_writable()) {
        tracing::warn!(%error, "the certificate cannot be renewed, hint: let the agent write the folder of tls.certificate, or set enrolment.renew = false");
    }
    Ok(Arc::new(store))
}

/// Tenant and satellite, from the certificate and nowhere else.
pub(super) fn address(config: &Config) -> anyhow::Result<Address> {
    let path = &config.tls.certificate;
    let place = || {
        format!(
            "read this satellite's identity from {} (tls.certificate), by trust_domain = \"{}\"",
            path.display(),
            config.trust_domain
        )
    };
    let certificate = CertificateDer::from_pem_file(path).with_context(place)?;
    match Principal::from_certificate(&certificate, &config.trust_domain).with_context(place)? {
        Principal::Satellite(address) => Ok(address),
        Principal::Service(name) => bail!(
            "{} is the certificate of the service {name}, not of a satellite",
            path.display()
        ),
    }
}

/// What is wrong with the files that a configuration names, in words.
pub(crate) fn check_files(config: &Config) -> Vec<String> {
    let checks = [
        address(config).map(drop),
        client_config(&config.tls).map(drop).map_err(Into::into),
        bindings(config, &Clock::system(), None).map(drop),
        keeper::apart(config),
    ];
    let mut problems = Vec::new();
    for problem in checks.into_iter().filter_map(Result::err) {
        let problem = format!("{problem:#}");
        // One file may stand in the way of two.
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
    problems
}

pub(super) async fn open_spool(config: &Config, clock: Clock) -> anyhow::Result<Arc<Spool>> {
    let options = SpoolOptions {
        path: config.spool.path.clone(),
        bytes_max: config.spool.bytes_max,
        age_ms_max: config.spool.age_h_max.saturating_mul(HOUR_MS),
    };
    Ok(Arc::new(Spool::open(&options, clock).await?))
}

/// The sources behind the datasets, each checked against its contract where this machine has the contracts; and the agent's own,
/// the log of the Node-RED that it keeps.
pub(super) fn bindings(
    config: &Config,
    clock: &Clock,
    log: Option<Lines>,
) -> anyhow::Result<Arc<Bindings>> {
    if let Some(taken) = config
        .source
        .iter()
        .find(|source| source.dataset == log::dataset())
    {
        bail!(
            "[[source]] has {}, which is the agent's own; hint: remove it, and see node_red.log_to_centre",
            taken.dataset
        );
    }
    let contracts = match &config.schemas {
        Some(schemas) => Some(Registry::open(schemas).with_context(|| {
            format!(
                "read the dataset contracts in {} (schemas)",
                schemas.display()
            )
        })?),
        None => None,
    };
    let scheduled: BTreeSet<_> = config
        .schedule
        .iter()
        .map(|schedule| &schedule.dataset)
        .collect();
    let client = HttpClient::new();
    let shelf = Arc::new(Shelf::new(config.pull.cache_bytes_max));
    let bind = |source: &SourceConfig| -> anyhow::Result<(DatasetId, Binding)> {
        let contract = contracts
            .as_ref()
            .and_then(|contracts| contracts.get(&source.dataset, source.version));
        let pushable = match &contracts {
            Some(_) => {
                let pushed = scheduled.contains(&source.dataset);
                check_source(source, contract, pushed).map_err(anyhow::Error::msg)?
            }
            None => true,
        };
        let asked = match source.kind {
            SourceKind::Push => None,
            SourceKind::File | SourceKind::Sql => {
                Some(read_source(source, config, contract, clock)?)
            }
            SourceKind::Http | SourceKind::NodeRed => Some(asked_source(source, client.clone())?),
        };
        let binding = Binding {
            version: source.version,
            shape: source.shape,
            pushable,
            source: asked.map(|asked| kept_for_a_while(asked, source, &shelf, clock)),
        };
        Ok((source.dataset.clone(), binding))
    };
    let own = log.map(|lines| Binding {
        version: log::VERSION,
        shape: Shape::Rows,
        pushable: false,
        source: Some(Arc::new(LogSource::new(lines))),
    });
    let own = own.map(|binding| Ok((log::dataset(), binding)));
    let bindings: anyhow::Result<Bindings> = config.source.iter().map(bind).chain(own).collect();
    bindings.map(Arc::new)
}

/// The source behind its cache, if it has one.
fn kept_for_a_while(
    asked: Arc<dyn Source>,
    source: &SourceConfig,
    shelf: &Arc<Shelf>,
    clock: &Clock,
) -> Arc<dyn Source> {
    let Some(max_age_s) = source.cache_max_age_s else {
        return asked;
    };
    Arc::new(Cached {
        source: asked,
        dataset: source.dataset.clone(),
        version: source.version,
        max_age_ms: max_age_s.saturating_mul(1_000),
        shelf: Arc::clone(shelf),
        clock: clock.clone(),
    })
}

/// Whether a source's dataset may be pushed; or what in the source its contract does not allow.
fn check_source(
    source: &SourceConfig,
    contract: Option<&Dataset>,
    scheduled: bool,
) -> Result<bool, String> {
    let name = format!("the [[source]] of {} v{}", source.dataset, source.version);
    let Some(contract) = contract else {
        return Err(format!(
            "{name} has no contract in the folder that `schemas` names; hint: correct dataset or version, or bring the folder up to date"
        ));
    };
    if let Some(age_s) = source.cache_max_age_s
        && age_s > contract.max_age_s
    {
        let most_s = contract.max_age_s;
        return Err(format!(
            "{name} has cache_max_age_s = {age_s}, but its contract says that data is fresh for {most_s} seconds; hint: write at most {most_s}"
        ));
    }
    let (pulled, pushed) = (contract.allows(Kind::Pull), contract.allows(Kind::Push));
    if source.shape != contract.shape {
        let shape = contract.shape.as_str();
        return Err(format!(
            "{name} has another shape than its contract; hint: write shape = \"{shape}\""
        ));
    }
    let known = contract.params_schema.get("properties");
    let known = known.and_then(serde_json::Value::as_object);
    let foreign = source.params().into_iter().find(|param| {
        let is_known = known.is_some_and(|known| known.contains_key(param));
        !is_known
    });
    if let Some(param) = foreign {
        return Err(format!(
            "{name} has the parameter :{param} in its query, which is none of its contract's; hint: correct the query"
        ));
    }
    if source.kind == SourceKind::Push && !pushed {
        return Err(format!(
            "{name} has kind = \"push\", but its contract says that it is only ever asked for; hint: write kind = \"http\" and the url of a flow"
        ));
    }
    if scheduled && !pushed {
        return Err(format!(
            "{name} has a [[schedule]], but its contract says that it is only ever asked for; hint: remove the schedule"
        ));
    }
    if source.kind.is_asked() && !pulled && !scheduled {
        return Err(format!(
            "{name} is one that is asked, but its contract says that it is only ever pushed; hint: add a [[schedule]], or write kind = \"push\""
        ));
    }
    Ok(pushed)
}

/// A source that the agent reads by itself.
fn read_source(
    source: &SourceConfig,
    config: &Config,
    contract: Option<&Dataset>,
    clock: &Clock,
) -> anyhow::Result<Arc<dyn Source>> {
    let missing = |key: &str| anyhow::anyhow!("the source of {} has no {key}", source.dataset);
    let folder = config.files.directory.clone();
    let directory = || folder.clone().ok_or_else(|| missing("files.directory"));
    let path = || source.path.clone().ok_or_else(|| missing("path"));
    let timeout = Duration::from_millis(source.timeout_ms);
    let origin = if source.kind == SourceKind::Sql {
        let database = source.database(folder.as_deref());
        let database = database.ok_or_else(|| missing("database"))?;
        let query = source.asks(&database).map_err(anyhow::Error::msg)?;
        Origin::Database {
            query,
            database,
            password: source.password(),
            below: folder.clone().zip(source.path.clone()),
        }
    } else {
        let written = match source.format.ok_or_else(|| missing("format"))? {
            FileFormat::Json => Some(Written::Json),
            FileFormat::Ndjson => Some(Written::Lines),
            FileFormat::Csv => None,
        };
        if let Some(written) = written {
            return Ok(Arc::new(FileSource {
                folder: directory()?,
                path: path()?,
                written,
                shape: source.shape,
                timeout,
            }));
        }
        Origin::Csv {
            folder: directory()?,
            path: path()?,
            shape: source.csv.clone().unwrap_or_default(),
        }
    };
    let columns = contract.map(|contract| Columns::of(&contract.data_schema));
    Ok(Arc::new(TableSource {
        origin,
        columns: columns.unwrap_or_default(),
        timeout,
        clock: clock.clone(),
    }))
}

fn asked_source(config: &SourceConfig, client: HttpClient) -> anyhow::Result<Arc<dyn Source>> {
    let place = || format!("prepare the source of {}", config.dataset);
    let url = config
        .local_url()
        .map_err(|problem| anyhow::anyhow!("its url {problem}"))
        .with_context(place)?;
    let token = config.token().resolve().with_context(place)?;
    let timeout = Duration::from_millis(config.timeout_ms);
    if config.kind == SourceKind::NodeRed {
        let node = Node {
            dataset: config.dataset.clone(),
            version: config.version,
            shape: config.shape,
            timeout,
        };
        let source = NodeRedSource::new(client, url, &token, &node).with_context(place)?;
        return Ok(Arc::new(source));
    }
    let source = HttpSource::new(client, url, &token, timeout, config.shape).with_context(place)?;
    Ok(Arc::new(source))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use spokegate_contract::dataset::sha256_hex;

    fn contract(kinds: &serde_json::Value) -> Dataset {
        let about = json!({
            "id": "devices", "title": "Devices", "description": "All.", "shape": "rows",
            "kinds": kinds, "max_age_s": 60, "personal_data": true,
        });
        let files = [
            ("devices/dataset.json", about.to_string()),
            ("devices/v1/params.schema.json", "{}".to_owned()),
            ("devices/v1/row.schema.json", "{}".to_owned()),
        ];
        let digests: std::collections::BTreeMap<_, _> = files
            .iter()
            .map(|(path, text)| (*path, sha256_hex(text.as_bytes())))
            .collect();
        let index = json!({"datasets": [{"id": "devices", "version": 1}], "files": digests});
        let registry = Registry::load(|path| {
            let found = files.iter().find(|(known, _)| *known == path);
            let text = found.map_or_else(|| index.to_string(), |(_, text)| text.clone());
            Ok(text.into_bytes())
        });
        registry.unwrap().iter().next().unwrap().clone()
    }

    #[track_caller]
    fn check(
        source: &str,
        kinds: Option<serde_json::Value>,
        scheduled: bool,
        expected: Result<bool, &str>,
    ) {
        let source: SourceConfig = toml_like(source);
        let contract = kinds.as_ref().map(contract);
        let verdict = check_source(&source, contract.as_ref(), scheduled);
        match (&verdict, expected) {
            (Err(text), Err(part)) => assert!(text.contains(part), "{text}"),
            _ => assert_eq!(verdict, expected.map_err(str::to_owned)),
        }
    }

    fn toml_like(kind_and_shape: &str) -> SourceConfig {
        let (kind, shape) = kind_and_shape.split_once(' ').unwrap();
        serde_json::from_value(json!({"dataset": "devices", "kind": kind, "shape": shape})).unwrap()
    }

    #[test]
    fn a_source_keeps_to_its_contract() {
        let (pull, push, both) = (json!(["pull"]), json!(["push"]), json!(["pull", "push"]));
        check("http rows", Some(pull.clone()), false, Ok(false));
        check("http rows", Some(both.clone()), false, Ok(true));
        check("http rows", Some(both.clone()), true, Ok(true));
        check("http rows", Some(push.clone()), true, Ok(true));
        check("push rows", Some(push.clone()), false, Ok(true));
        check("push rows", Some(both), false, Ok(true));
        check(
            "push rows",
            Some(pull.clone()),
            false,
            Err("only ever asked for; hint: write kind = \"http\""),
        );
        check(
            "http rows",
            Some(pull),
            true,
            Err("hint: remove the schedule"),
        );
        check(
            "http rows",
            Some(push.clone()),
            false,
            Err("only ever pushed; hint: add a [[schedule]]"),
        );
        check(
            "push document",
            Some(push),
            false,
            Err("hint: write shape = \"rows\""),
        );
        check(
            "http rows",
            None,
            false,
            Err("devices v1 has no contract in the folder"),
        );
    }

    #[test]
    fn a_cache_keeps_nothing_longer_than_its_contract_calls_fresh() {
        let contract = contract(&json!(["pull"]));
        for (age_s, expected) in [
            (json!(null), Ok(false)),
            (json!(60), Ok(false)),
            (json!(61), Err("hint: write at most 60")),
        ] {
            let source: SourceConfig = serde_json::from_value(json!({
                "dataset": "devices", "kind": "http", "cache_max_age_s": age_s,
            }))
            .unwrap();
            let verdict = check_source(&source, Some(&contract), false);
            match (&verdict, expected) {
                (Err(text), Err(part)) => assert!(text.contains(part), "{text}"),
                _ => assert_eq!(verdict, expected.map_err(str::to_owned)),
            }
        }
    }

    #[test]
    fn a_query_names_parameters_of_its_contract() {
        let contract = contract(&json!(["pull"]));
        for (query, expected) in [
            ("SELECT 1", Ok(false)),
            ("SELECT name FROM t WHERE note = ':site'", Ok(false)),
            ("SELECT name FROM t WHERE site = :site", Err(":site")),
        ] {
            let source: SourceConfig = serde_json::from_value(json!({
                "dataset": "devices", "kind": "sql", "query": query, "path": "devices.db",
            }))
            .unwrap();
            let verdict = check_source(&source, Some(&contract), false);
            match (&verdict, expected) {
                (Err(text), Err(part)) => assert!(text.contains(part), "{text}"),
                _ => assert_eq!(verdict, expected.map_err(str::to_owned)),
            }
        }
    }
}
