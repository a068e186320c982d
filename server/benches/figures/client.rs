//! A small HTTP/1 client on one connection.

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A connection that is kept.
pub struct Client {
    sender: SendRequest<Full<Bytes>>,
    /// Goes with every request, when there is one.
    pub bearer: Option<String>,
    host: String,
}

/// What came back.
pub struct Answer {
    pub status: u16,
    pub body: Bytes,
}

/// What can go wrong on the way.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Client {
    /// Connects.
    pub async fn open(address: &str) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { sender, bearer: None, host: address.into() })
    }

    /// GET, compressed as browsers ask for it: a page that is made for one visitor is by gzip, what is shipped by brotli.
    pub async fn get(&mut self, path: &str) -> Result<Answer, Failure> {
        self.send(Method::GET, path, Bytes::new(), "gzip, deflate, br, zstd").await
    }

    /// GET, as it is.
    pub async fn plain(&mut self, path: &str) -> Result<Answer, Failure> {
        self.send(Method::GET, path, Bytes::new(), "identity").await
    }

    /// POST of JSON.
    pub async fn post(&mut self, path: &str, body: &serde_json::Value) -> Result<Answer, Failure> {
        self.send(Method::POST, path, body.to_string().into(), "identity").await
    }

    /// PUT of JSON.
    pub async fn put(&mut self, path: &str, body: &serde_json::Value) -> Result<Answer, Failure> {
        self.send(Method::PUT, path, body.to_string().into(), "identity").await
    }

    /// PATCH with JSON.
    pub async fn patch(&mut self, path: &str, body: &serde_json::Value) -> Result<Answer, Failure> {
        self.send(Method::PATCH, path, body.to_string().into(), "identity").await
    }

    /// DELETE.
    pub async fn delete(&mut self, path: &str) -> Result<Answer, Failure> {
        self.send(Method::DELETE, path, Bytes::new(), "identity").await
    }

    async fn send(&mut self, method: Method, path: &str, body: Bytes, encoding: &str) -> Result<Answer, Failure> {
        let mut request = Request::builder().method(method).uri(path).header("host", &self.host).header("accept-encoding", encoding);
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        if let Some(bearer) = &self.bearer {
            request = request.header("authorization", format!("Bearer {bearer}"));
        }
        self.sender.ready().await?;
        let response = self.sender.send_request(request.body(Full::new(body))?).await?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await?.to_bytes();
        Ok(Answer { status, body })
    }
}
