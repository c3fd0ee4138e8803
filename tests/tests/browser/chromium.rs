//! A real Chromium behind chromedriver, with a download folder and a folder for screenshots.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Chromium {
    pub(crate) client: Client,
    driver: Child,
    folder: tempfile::TempDir,
}

impl Chromium {
    pub(crate) async fn start() -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("downloads")).unwrap();
        let url = format!("http://127.0.0.1:{port}");
        let started = Instant::now();
        let client = loop {
            let mut builder = ClientBuilder::new(HttpConnector::new());
            match builder
                .capabilities(capabilities(folder.path()))
                .connect(&url)
                .await
            {
                Ok(client) => break client,
                Err(error) => assert!(started.elapsed() < PATIENCE, "no browser: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        client.set_window_size(1200, 900).await.unwrap();
        Self {
            client,
            driver,
            folder,
        }
    }

    pub(crate) async fn goto(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    /// The first element that the CSS selector finds, once it is there.
    pub(crate) async fn find(&self, css: &str) -> Element {
        let found = self
            .client
            .wait()
            .at_most(PATIENCE)
            .for_element(Locator::Css(css))
            .await;
        match found {
            Ok(element) => element,
            Err(error) => {
                let page = self.script("return document.body.innerText").await;
                panic!("{css}: {error}; the page says: {page}")
            }
        }
    }

    /// Clicks what stays on its page.
    pub(crate) async fn click(&self, css: &str) {
        self.act(css, async |element| element.click().await).await;
    }

    /// Clicks what leads to another page, and returns when that one is whole.
    pub(crate) async fn follow(&self, css: &str) {
        self.script("window.spokegateOldPage = true").await;
        self.click(css).await;
        let started = Instant::now();
        while self
            .script("return !window.spokegateOldPage && document.readyState == 'complete'")
            .await
            != json!(true)
        {
            assert!(
                started.elapsed() < PATIENCE,
                "{css} leads nowhere; the page says: {}",
                self.text().await
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn type_into(&self, css: &str, text: &str) {
        self.act(css, async |field| {
            field.clear().await?;
            field.send_keys(text).await
        })
        .await;
    }

    /// What a person reads on the page.
    pub(crate) async fn text(&self) -> String {
        self.text_of("body").await
    }

    pub(crate) async fn text_of(&self, css: &str) -> String {
        self.act(css, async |element| element.text().await).await
    }

    pub(crate) async fn value_of(&self, css: &str) -> Option<String> {
        self.act(css, async |field| field.prop("value").await).await
    }

    /// Does something with an element, and once more with its successor if the page was loaded anew meanwhile, as
    /// that of a run is whenever its state changes.
    async fn act<T>(&self, css: &str, deed: impl AsyncFn(Element) -> Result<T, CmdError>) -> T {
        let started = Instant::now();
        loop {
            match deed(self.find(css).await).await {
                Ok(outcome) => return outcome,
                Err(error)
                    if error.is_stale_element_reference() && started.elapsed() < PATIENCE => {}
                Err(error) => panic!("{css}: {error}"),
            }
        }
    }

    /// What a script returns; `null` while pages change.
    async fn script(&self, script: &str) -> Value {
        self.client
            .execute(script, vec![])
            .await
            .unwrap_or_default()
    }

    pub(crate) async fn path(&self) -> String {
        self.client.current_url().await.unwrap().path().to_owned()
    }

    /// Saves the whole page as a picture in `target/screenshots`.
    pub(crate) async fn screenshot(&self, name: &str) {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .parent()
            .unwrap()
            .join("screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        let height = self
            .script("return document.documentElement.scrollHeight")
            .await;
        let height = u32::try_from(height.as_u64().unwrap_or_default())
            .unwrap()
            .clamp(600, 4_000);
        self.client
            .set_window_size(1200, height + 140)
            .await
            .unwrap();
        let picture = self.client.screenshot().await.unwrap();
        std::fs::write(folder.join(format!("{name}.png")), picture).unwrap();
    }

    /// The one file that was downloaded, once it is whole.
    pub(crate) async fn downloaded(&self) -> PathBuf {
        let started = Instant::now();
        loop {
            let mut files = std::fs::read_dir(self.folder.path().join("downloads")).unwrap();
            if let Some(Ok(file)) = files.next()
                && file
                    .path()
                    .extension()
                    .is_some_and(|extension| extension == "docx")
            {
                return file.path();
            }
            assert!(started.elapsed() < PATIENCE, "nothing was downloaded");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub(crate) async fn close(self) {
        self.client.clone().close().await.unwrap();
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn capabilities(folder: &Path) -> fantoccini::wd::Capabilities {
    let capabilities = json!({
        "browserName": "chrome",
        // The authority of the demonstration is as old as the test.
        "acceptInsecureCerts": true,
        "goog:chromeOptions": {
            "args": [
                "--headless=new",
                // Tests run as root on many machines, where Chromium has no sandbox of its own.
                "--no-sandbox",
                "--disable-dev-shm-usage",
                "--disable-gpu",
                "--hide-scrollbars",
                format!("--user-data-dir={}", folder.join("profile").display()),
            ],
            "prefs": {
                "download.default_directory": folder.join("downloads"),
                "download.prompt_for_download": false,
                "safebrowsing.enabled": false,
            },
        },
    });
    capabilities.as_object().unwrap().clone()
}
