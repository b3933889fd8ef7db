//! An API of its own for each test, with a token for each role.

use std::{net::SocketAddr, path::Path};

use api::{Anonymous, Api, Auth, Config, Limits, Role, Token, Tsa};
use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

pub(crate) const ROLES: [Role; 5] =
    [Role::Reader, Role::Agent, Role::Registrar, Role::Operator, Role::Admin];

/// An API, and everything that talks to it.
pub(crate) struct World {
    pub(crate) api: Api,
    pub(crate) client: Client,
    pub(crate) config: Config,
    /// Kept until the end: the database is in it.
    pub(crate) folder: TempDir,
}

/// A configuration with everything in one folder.
pub(crate) fn config(folder: &Path) -> Config {
    let token = |role: Role| Token {
        name: role.name().to_owned(),
        role,
        file: folder.join(format!("{}.token", role.name())),
    };
    Config {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        database: folder.join("vedette.db"),
        tsa: Tsa { own: Some(folder.join("tsa")), ..Tsa::default() },
        auth: Auth { anonymous: Anonymous::None, tokens: ROLES.map(token).to_vec() },
        limits: Limits::default(),
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = TempDir::new().unwrap();
        let mut config = config(folder.path());
        change(&mut config);
        let api = Api::start(config.clone()).await.unwrap();
        Self { api, client: Client::new(), config, folder }
    }

    /// Stops the API and starts it again on the same files.
    pub(crate) async fn again(self) -> Self {
        self.api.stop().await;
        let api = Api::start(self.config.clone()).await.unwrap();
        Self { api, client: Client::new(), config: self.config, folder: self.folder }
    }

    pub(crate) fn token(&self, role: Role) -> String {
        let file = self.folder.path().join(format!("{}.token", role.name()));
        std::fs::read_to_string(file).unwrap().trim().to_owned()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.api.address())
    }

    /// A request by nobody in particular.
    pub(crate) fn plain(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }

    pub(crate) fn request(&self, role: Role, method: Method, path: &str) -> RequestBuilder {
        self.plain(method, path).bearer_auth(self.token(role))
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request(Role::Reader, Method::GET, path).send().await.unwrap()
    }

    pub(crate) async fn read(&self, path: &str) -> Value {
        let response = self.get(path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response.json().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Response {
        self.request(Role::Agent, Method::POST, path).json(body).send().await.unwrap()
    }

    /// Stores one item, and answers its UUID.
    pub(crate) async fn store(&self, item: &Value) -> Uuid {
        let response = self.post("/api/v1/items", item).await;
        assert_eq!(response.status(), StatusCode::CREATED);
        item["meta"]["uuid"].as_str().unwrap().parse().unwrap()
    }
}

/// The status and the body of an answer.
pub(crate) async fn answer(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

/// An item as a probe makes one.
pub(crate) fn item(uuid: Uuid, ts: i64, output: &str) -> Value {
    json!({
        "version": "1",
        "format": "raw",
        "meta": {
            "uuid": uuid,
            "ts": ts,
            "type": "check",
            "source": "probe1@vedette.local",
        },
        "payload": { "raw": BASE64_STANDARD.encode(output), "verdict": "pass", "exit": 0 },
    })
}

/// A UUID that is the same in every run.
pub(crate) fn uuid(number: u128) -> Uuid {
    Uuid::from_u128(0x4000_8000_0000_0000_0000 + number)
}

/// The same, with a word in place of what differs from run to run.
pub(crate) fn steady(mut value: Value) -> Value {
    steady_in_place(&mut value);
    value
}

fn steady_in_place(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(steady_in_place),
        Value::Object(fields) => {
            for (name, value) in fields {
                match name.as_str() {
                    "received_ms" | "stamped_ms" | "gen_time" | "serial" | "token" | "batch"
                    | "signer" | "signer_sha256" | "anchor" | "clock_ms" | "started_ms"
                    | "last_ms"
                        if !value.is_null() =>
                    {
                        *value = format!("[{name}]").into();
                    }
                    _ => steady_in_place(value),
                }
            }
        }
        _ => {}
    }
}
