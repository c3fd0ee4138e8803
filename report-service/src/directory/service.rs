//! Reaching a server: fail-over, and the service account's bind.

use std::sync::{Arc, PoisonError};

use spokegate_daemon::{Secret, SecretSource};

use super::account::judge;
use super::dialect::{self, Dialect};
use super::ldap::{Connection, Fault};
use super::{Directory, Unavailable};

/// A connection bound as the service account.
pub(super) struct Service {
    pub(super) connection: Connection,
    pub(super) server: usize,
    pub(super) dialect: Arc<Dialect>,
}

impl Directory {
    /// A connection to the first server that answers, bound as the service account.
    pub(super) async fn service(&self, insist: bool) -> Result<Service, Unavailable> {
        self.service_told(insist, &mut Vec::new()).await
    }

    /// The same; `told` gets a line for each server that was asked.
    pub(super) async fn service_told(
        &self,
        insist: bool,
        told: &mut Vec<String>,
    ) -> Result<Service, Unavailable> {
        let now = self.clock.now_ms();
        let order = {
            let servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
            if servers.paused(now) {
                return Err(Unavailable::ServiceAccount {
                    reason: "it was refused a short while ago".to_owned(),
                });
            }
            servers.order(now, insist)
        };
        let mut last = "all are marked as down".to_owned();
        for (index, server) in self.settings.servers.iter().enumerate() {
            if !order.contains(&index) {
                told.push(format!(
                    "{} did not answer a short while ago and is not asked",
                    server.as_str()
                ));
            }
        }
        for server in order {
            let url = self.settings.servers[server].as_str();
            match self.bound(server).await {
                Ok(service) => {
                    told.push(format!("{url} answers"));
                    self.servers
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .good(server);
                    return Ok(service);
                }
                Err(Unavailable::NoServer { last: why }) => {
                    told.push(why.clone());
                    last = why;
                }
                Err(other) => {
                    told.push(format!("{url}: {other}"));
                    return Err(other);
                }
            }
        }
        Err(Unavailable::NoServer { last })
    }

    /// Every server, whether it lets the service account in; a refusal ends the asking, for the account's sake.
    pub async fn check_each(&self) -> Vec<Result<(), String>> {
        let mut told = Vec::new();
        for (server, url) in self.settings.servers.iter().enumerate() {
            let _turn = self.checks.lock().await;
            let now = self.clock.now_ms();
            let servers = self.servers.lock();
            let paused = servers.unwrap_or_else(PoisonError::into_inner).paused(now);
            if paused {
                let url = url.as_str();
                told.push(Err(format!(
                    "{url} is not asked: the service account was refused."
                )));
                continue;
            }
            let bound = self.bound(server).await;
            told.push(bound.map(drop).map_err(|why| format!("{why}.")));
        }
        told
    }

    async fn bound(&self, server: usize) -> Result<Service, Unavailable> {
        let opened = Connection::open(&self.settings.servers[server], &self.dialer).await;
        let mut connection = self.answered(server, opened)?;
        let password = read_password(&self.settings.bind_password)?;
        let bound = connection
            .bind(&self.settings.bind_dn, password.expose())
            .await;
        if let Err(refused) = judge(&self.answered(server, bound)?) {
            self.servers
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pause(self.clock.now_ms());
            tracing::error!(reason = %refused, "the directory refuses the service account");
            return Err(Unavailable::ServiceAccount {
                reason: refused.to_string(),
            });
        }
        let dialect = self.dialect.get_or_try_init(|| async {
            dialect::detect(&mut connection, self.settings.kind)
                .await
                .map(Arc::new)
        });
        let dialect = dialect.await.cloned();
        let dialect = self.answered(server, dialect)?;
        Ok(Service {
            connection,
            server,
            dialect,
        })
    }

    /// Passes an answer on; a server that gave none is left alone for a while.
    pub(super) fn answered<T>(
        &self,
        server: usize,
        answer: Result<T, Fault>,
    ) -> Result<T, Unavailable> {
        answer.map_err(|fault| {
            let url = self.settings.servers[server].as_str();
            tracing::warn!(server = url, error = %fault, "a directory server does not answer as it should");
            let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
            servers.bad(server, self.clock.now_ms());
            Unavailable::NoServer { last: format!("{url}: {fault}") }
        })
    }
}

fn read_password(source: &SecretSource) -> Result<Secret, Unavailable> {
    source.resolve().map_err(|error| Unavailable::NoPassword {
        reason: error.to_string(),
    })
}
