//! What is said to those who are not served.

use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::master::access::Denied;
use crate::master::budgets::Exhausted;
use crate::master::door::Refusal;

/// What is said to who is not let in.
pub(super) fn not_let_in(refusal: Refusal) -> Response {
    match refusal {
        Refusal::Denied(denied) => denial(denied),
        Refusal::Slowed(wait) => {
            let message = "Wrong secrets were shown from this address for this principal: the next one is \
                           looked at only after a while, which grows with each of them";
            let seconds = wait.as_secs() + 1;
            later(StatusCode::TOO_MANY_REQUESTS, seconds, message)
        }
        Refusal::Connections(why) => closing(exhausted(why, "connections", "connections")),
        Refusal::ConnectionsOfExecutors(why) => {
            let own = "connectionsOfExecutors";
            closing(no_more(why, "connections of executors", "connections", own))
        }
        Refusal::Requests(why) => exhausted(why, "requests that are not answered yet", "requests"),
    }
}

/// What is said to who may not say something.
pub(super) fn denial(denied: Denied) -> Response {
    let unauthorized = |message: &str, scheme: &'static str| {
        let mut refusal = refuse(StatusCode::UNAUTHORIZED, message);
        refusal.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
        refusal
    };
    match denied {
        Denied::Unauthenticated | Denied::WrongSecret => unauthorized(
            "The principal or its secret is missing or wrong",
            "Basic realm=\"mesos-master\"",
        ),
        Denied::OtherUser | Denied::WrongToken => unauthorized(
            "This master serves the user who started it: connect from a program of that user, or show \
             the token of the file mesos-PORT.token, in $XDG_RUNTIME_DIR/proffer or in proffer-UID among \
             the temporary files, as 'Authorization: Bearer TOKEN'. To serve other users, start it with \
             --mesos-credentials",
            "Bearer realm=\"mesos-master\"",
        ),
        Denied::NoExecutor => unauthorized(
            "An executor shows the token of MESOS_EXECUTOR_AUTHENTICATION_TOKEN as 'Authorization: \
             Bearer TOKEN', and this is none that is known",
            "Bearer realm=\"mesos-agent\"",
        ),
        Denied::TooOften => {
            let message = "The principal calls more often than its qps allows";
            later(StatusCode::TOO_MANY_REQUESTS, 1, message)
        }
    }
}

/// Says that the connection ends, too.
fn closing(mut refusal: Response) -> Response {
    refusal.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    refusal
}

/// What is said to who asks for more than there is room for; the setting says how much that is.
pub(in crate::master) fn exhausted(why: Exhausted, what: &str, setting: &str) -> Response {
    no_more(why, what, setting, &format!("{setting}PerPrincipal"))
}

/// The same, where another setting says how much one's own part is. Only on a cluster there are settings.
fn no_more(why: Exhausted, what: &str, setting: &str, own: &str) -> Response {
    match why {
        Exhausted::Own => {
            let message = format!(
                "There are as many {what} of whoever asks as there may be (on a cluster \
                 mesos.traffic.{own}): wait for some of them"
            );
            later(StatusCode::TOO_MANY_REQUESTS, 1, message)
        }
        Exhausted::All => {
            let message = format!(
                "There are as many {what} as there may be (on a cluster mesos.traffic.{setting}), and the \
                 rest is for those who have few: try again later"
            );
            later(StatusCode::SERVICE_UNAVAILABLE, 1, message)
        }
    }
}

/// Has somebody come again later.
fn later(status: StatusCode, seconds: u64, message: impl Into<String>) -> Response {
    let mut refusal = refuse(status, message);
    refusal.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    refusal
}

/// Refuses with a sentence.
pub(in crate::master) fn refuse(status: StatusCode, message: impl Into<String>) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (status, kind, message.into()).into_response()
}

/// Refuses as was said.
pub(super) fn refused((status, message): (StatusCode, String)) -> Response {
    refuse(status, message)
}

/// What is said to who does something else than POST.
pub(super) fn not_post(method: &Method) -> Option<Response> {
    (method != Method::POST).then(|| wrong_method(method, "POST"))
}

/// What is said to who does something else than is allowed.
pub(super) fn wrong_method(method: &Method, allowed: &'static str) -> Response {
    let quoted: Vec<String> = allowed.split(", ").map(|name| format!("'{name}'")).collect();
    let quoted = quoted.join(", ");
    let message = format!("Expecting one of {{ {quoted} }}, but received '{method}'");
    let mut refusal = refuse(StatusCode::METHOD_NOT_ALLOWED, message);
    refusal.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    refusal
}

/// What is said to who may only look.
pub(super) fn may_not_change() -> Response {
    refuse(StatusCode::FORBIDDEN, "The principal may not change the cluster")
}
