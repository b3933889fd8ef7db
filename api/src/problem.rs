//! How the API says no: RFC 9457 problem documents.

use actix_web::{HttpResponse, ResponseError, body::BoxBody, http::StatusCode, http::header};
use evidence::RecordError;
use serde::Serialize;
use serde_json::{Map, Value};
use std::fmt;
use tracing::error;

use crate::{intake::Wrong, store::StoreError};

/// Why a request was refused.
#[derive(Clone, Debug)]
pub(crate) struct Problem(Box<Document>);

/// What is answered.
#[derive(Clone, Debug, Serialize)]
struct Document {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(flatten)]
    more: Map<String, Value>,
    #[serde(skip)]
    headers: Vec<(header::HeaderName, header::HeaderValue)>,
}

/// One field that is wrong.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FieldError {
    pub(crate) field: String,
    pub(crate) detail: String,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self(Box::new(Document {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
            errors: Vec::new(),
            code: None,
            more: Map::new(),
            headers: Vec::new(),
        }))
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    pub(crate) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, detail)
    }

    pub(crate) fn unprocessable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    /// Some fields are wrong.
    pub(crate) fn fields(errors: Vec<FieldError>) -> Self {
        let said: Vec<_> =
            errors.iter().map(|error| format!("`{}` {}", error.field, error.detail)).collect();
        let mut problem = Self::unprocessable(said.join("; "));
        problem.0.errors = errors;
        problem
    }

    pub(crate) fn with_code(mut self, code: &'static str) -> Self {
        self.0.code = Some(code);
        self
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.more.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn with_header(mut self, name: header::HeaderName, value: &'static str) -> Self {
        self.0.headers.push((name, header::HeaderValue::from_static(value)));
        self
    }

    pub(crate) fn detail(&self) -> &str {
        &self.0.detail
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut response = HttpResponse::build(self.status_code());
        for (name, value) in &self.0.headers {
            response.insert_header((name.clone(), value.clone()));
        }
        response
            .content_type("application/problem+json")
            .body(serde_json::to_vec(&self.0).unwrap_or_default())
    }
}

impl From<RecordError> for Problem {
    fn from(cause: RecordError) -> Self {
        let detail = match std::error::Error::source(&cause) {
            Some(source) => format!("{cause}: {source}"),
            None => cause.to_string(),
        };
        match cause {
            RecordError::TooLarge { .. } => Self::new(StatusCode::PAYLOAD_TOO_LARGE, detail),
            _ => Self::unprocessable(detail),
        }
    }
}

impl From<Vec<Wrong>> for Problem {
    fn from(wrong: Vec<Wrong>) -> Self {
        let named = |wrong: Wrong| {
            let field = if wrong.place.is_empty() { "body".to_owned() } else { wrong.field() };
            FieldError { field, detail: wrong.fault.detail() }
        };
        Self::fields(wrong.into_iter().map(named).collect())
    }
}

impl From<StoreError> for Problem {
    fn from(cause: StoreError) -> Self {
        let reason = std::error::Error::source(&cause).map(ToString::to_string);
        error!(error = reason, "a request could not be served: {cause}");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, format!("{cause}; try again"))
            .with_header(header::RETRY_AFTER, "1")
    }
}
