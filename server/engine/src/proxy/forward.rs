//! One request: its target is chosen, a connection is had, and both bodies flow.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use api::Timestamp;
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderValue, RETRY_AFTER};
use hyper::upgrade::{OnUpgrade, on};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::headers::{pass_request, pass_response};
use super::program::Proxy;
use super::routing::Table;
use super::sent::Sent;
use super::stats::Flight;
use super::upstream::Upstream;

/// Pauses between attempts to reach a target: the shortest and the longest.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(250));

/// How many new connections to a target are tried at once for a request, when they end before it was written.
const MOST_MADE: u32 = 2;

/// How often a request that changes nothing is sent once more when no answer came. One that ends whatever gets it shall not end all that there are.
const ONCE_MORE: u32 = 2;

/// Who asks.
pub struct Client {
    /// The address.
    pub peer: IpAddr,
    /// Its place among the connections, held until it has gone.
    pub _place: OwnedSemaphorePermit,
}

/// The body of an answer.
pub enum Answer {
    /// One of the proxy's own.
    Own(Bytes),
    /// One that is passed on, and what it is counted as until it has ended.
    Passed { body: Incoming, _flight: Flight },
}

/// What has become of a request at one target.
enum Outcome {
    Answered(Response<Incoming>, Flight),
    /// Nothing of it was sent.
    Unsent(Request<Sent>, io::Error),
    /// Some of it was sent.
    Failed(hyper::Error),
}

/// Passes a request on and answers with what comes back, or with why nothing does.
pub async fn forward(proxy: Arc<Proxy>, client: Arc<Client>, mut request: Request<Incoming>) -> Response<Answer> {
    let upgrade = on(&mut request);
    let (mut head, body) = request.into_parts();
    let mut response = match pass_request(&mut head, client.peer) {
        Err(refusal) => own(refusal.0, format!("{}\n", refusal.1)),
        Ok(is_upgrade) => {
            let upgrade = is_upgrade.then_some((upgrade, client));
            send(&proxy, Request::from_parts(head, Sent(Some(body))), upgrade).await.unwrap_or_else(|refused| *refused)
        }
    };
    if proxy.is_draining() && response.status() != StatusCode::SWITCHING_PROTOCOLS {
        // The next one goes to who takes over.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

type Tunnel = Option<(OnUpgrade, Arc<Client>)>;

/// Tries targets until one has taken the request, or the time is over. What was begun and not answered is only sent once more when it changes nothing.
async fn send(proxy: &Proxy, mut request: Request<Sent>, upgrade: Tunnel) -> Result<Response<Answer>, Box<Response<Answer>>> {
    let deadline = Instant::now() + proxy.limits.wait;
    let mut tables = proxy.router.watch();
    let mut pause = RETRY.0;
    let is_repeatable = upgrade.is_none() && is_safe(request.method()) && request.body().is_end_stream();
    let mut again = is_repeatable.then(|| (copy(&request), ONCE_MORE));
    loop {
        let table = tables.borrow_and_update().clone();
        let mut first: Option<(&Arc<Upstream>, io::Error)> = None;
        for upstream in table.order() {
            match exchange(upstream, request, proxy.limits.connect.min(deadline - Instant::now())).await {
                Outcome::Answered(response, flight) => return Ok(pass(proxy, &table, response, flight, upgrade)),
                Outcome::Failed(error) => match &mut again {
                    Some((kept, left)) if *left > 0 && !is_of_client(&error) => {
                        *left -= 1;
                        request = copy(kept);
                    }
                    _ => return Err(Box::new(broken(&table, &error))),
                },
                Outcome::Unsent(unsent, error) => {
                    request = unsent;
                    first.get_or_insert((upstream, error));
                }
            }
        }
        if Instant::now() + pause > deadline {
            return Err(Box::new(unanswered(proxy, &table, first)));
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = tables.changed() => {}
        }
        pause = (pause * 3 / 2).min(RETRY.1);
    }
}

/// Sends a request to a target, for a connection to which there is so much time. Those that turn out to have been closed are passed over.
async fn exchange(upstream: &Arc<Upstream>, mut request: Request<Sent>, limit: Duration) -> Outcome {
    if !request.headers().contains_key(HOST) {
        // HTTP/1.0, which has none; HTTP/1.1 must have one.
        let host = HeaderValue::from_str(&upstream.address.to_string());
        request.headers_mut().extend(host.ok().map(|host| (HOST, host)));
    }
    let (flight, begun) = (upstream.counters.begin(), Instant::now());
    let mut made = 0;
    loop {
        let mut sender = match upstream.kept() {
            Some(sender) => sender,
            None if made == MOST_MADE => return Outcome::Unsent(request, io::ErrorKind::ConnectionReset.into()),
            None => match upstream.connect(limit).await {
                Ok(sender) => {
                    made += 1;
                    sender
                }
                Err(error) => return Outcome::Unsent(request, error),
            },
        };
        match sender.requests.try_send_request(request).await {
            Ok(response) => {
                flight.answered(response.status(), begun.elapsed());
                upstream.keep(sender);
                return Outcome::Answered(response, flight);
            }
            Err(mut failure) => match failure.take_message() {
                Some(unsent) => request = unsent,
                None => {
                    let error = failure.into_error();
                    if !is_of_client(&error) {
                        flight.failed();
                    }
                    return Outcome::Failed(error);
                }
            },
        }
    }
}

/// Whether a request of that method changes nothing (RFC 9110 9.2.1), so that it may be sent once more.
fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// The same request without a body.
fn copy(request: &Request<Sent>) -> Request<Sent> {
    let mut copy = Request::new(Sent(None));
    (*copy.method_mut(), *copy.uri_mut(), *copy.version_mut()) = (request.method().clone(), request.uri().clone(), request.version());
    copy.headers_mut().clone_from(request.headers());
    copy
}

/// Whether it was the body of the request that broke off.
fn is_of_client(error: &hyper::Error) -> bool {
    error.is_user()
}

/// Passes an answer on, and what is said after it when it begins another protocol.
fn pass(proxy: &Proxy, table: &Table, mut response: Response<Incoming>, flight: Flight, upgrade: Tunnel) -> Response<Answer> {
    let switches = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let fault = match pass_response(response.headers_mut(), switches) {
        Ok(()) if switches && upgrade.is_none() => Some("it changes the protocol without being asked"),
        Ok(()) => None,
        Err(refusal) => Some(refusal.1),
    };
    if let Some(fault) = fault {
        flight.spoiled();
        return own(StatusCode::BAD_GATEWAY, format!("{} can't be understood: {fault}\n", table.service()));
    }
    *response.version_mut() = hyper::Version::HTTP_11;
    let Some((client_side, client)) = upgrade.filter(|_| switches) else {
        return response.map(|body| Answer::Passed { body, _flight: flight });
    };
    let own_side = on(&mut response);
    proxy.tunnels.spawn(async move {
        if let (Ok(client_side), Ok(own_side)) = tokio::join!(client_side, own_side) {
            // How it ends is the affair of both.
            let _ = tokio::io::copy_bidirectional(&mut TokioIo::new(client_side), &mut TokioIo::new(own_side)).await;
        }
        drop((flight, client));
    });
    response.map(|_| Answer::Own(Bytes::new()))
}

/// The answer when the time is over.
fn unanswered(proxy: &Proxy, table: &Table, first: Option<(&Arc<Upstream>, io::Error)>) -> Response<Answer> {
    let Some((upstream, error)) = first else {
        proxy.router.unrouted.fetch_add(1, Ordering::Relaxed);
        let mut response = own(StatusCode::SERVICE_UNAVAILABLE, format!("{} has nothing that answers at the moment\n", table.service()));
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
        return response;
    };
    upstream.counters.failed();
    let since = upstream.unreachable_since().map(|since| format!(" since {}", Timestamp::from_micros(since)));
    let (service, address) = (table.service(), upstream.address);
    own(StatusCode::BAD_GATEWAY, format!("{service} doesn't answer{}: {address}: {error}\n", since.unwrap_or_default()))
}

/// The answer when the connection broke after some of the request was sent: whether it was done can't be known, so it isn't sent again.
fn broken(table: &Table, error: &hyper::Error) -> Response<Answer> {
    if is_of_client(error) {
        return own(StatusCode::BAD_REQUEST, "the body of the request broke off\n".into());
    }
    let service = table.service();
    let how = if error.is_parse() { "has answered with something that isn't HTTP" } else { "closed the connection without an answer" };
    own(StatusCode::BAD_GATEWAY, format!("{service} {how}\n"))
}

/// An answer of the proxy's own.
pub fn own(status: StatusCode, text: String) -> Response<Answer> {
    let mut response = Response::new(Answer::Own(text.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        let methods = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
        response.headers_mut().insert(hyper::header::ALLOW, methods);
    }
    response
}

impl Body for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Answer::Own(text) if text.is_empty() => Poll::Ready(None),
            Answer::Own(text) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(text))))),
            Answer::Passed { body, .. } => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Answer::Own(text) => text.is_empty(),
            Answer::Passed { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Answer::Own(text) => SizeHint::with_exact(text.len() as u64),
            Answer::Passed { body, .. } => body.size_hint(),
        }
    }
}
