//! `pilothouse deploy` as it is run: what it prints, how it ends, what it outlives.

use std::process::{Output, Stdio};
use std::sync::Arc;

use engine::testing::StoreKind;
use serde_json::{Value, json};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::app::{Client, TestApp, until};
use crate::deployments::{over, service, write};

/// The command with these arguments, asking with the key of that client.
fn command(client: &Client, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pilothouse"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PILOTHOUSE_")) {
        command.env_remove(name);
    }
    command.arg("deploy").args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command.env("PILOTHOUSE_URL", format!("http://{}", client.address));
    if let Some(token) = &client.token {
        command.env("PILOTHOUSE_API_KEY", token);
    }
    command
}

pub async fn run(client: &Client, args: &[&str]) -> (i32, String, String) {
    said(command(client, args).output().await.unwrap())
}

fn said(output: Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

async fn begun(client: &Client, args: &[&str]) -> (Child, String) {
    let history = async || client.get("/api/deploy?limit=100").await.json()["items"].as_array().unwrap().clone();
    let before = history().await.len();
    let child = command(client, args).spawn().unwrap();
    let id = until("a deployment is taken on", async || {
        let now = history().await;
        (now.len() > before).then(|| now[0]["id"].as_str().unwrap().to_owned())
    })
    .await;
    (child, id)
}

async fn stop(client: &Client, id: &str) {
    assert_eq!(client.post(&format!("/api/services/{id}/stop"), json!({})).await.status, 202);
    until("it is stopped", async || (client.get(&format!("/api/services/{id}")).await.json()["status"] == "stopped").then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployment_is_followed_to_its_end_and_the_exit_code_says_which() {
    let app = TestApp::start().await;
    let developer = app.sign_in("developer").await;
    let folder = app.store.folder().join("services/orders");
    write(&folder, "one");
    let id = service(&developer, "orders").await;

    let (code, out, err) = run(&developer, &["orders", "--dry-run"]).await;
    assert!(code == 0 && out.contains("Deployed as 'recreate':") && out.contains("  1. "), "{code} {out} {err}");
    assert_eq!(developer.get("/api/deploy").await.json()["items"], json!([]), "nothing is done");

    let (code, out, err) = run(&developer, &["orders", "--message", "from a pipeline", "--watch", "1"]).await;
    assert!(code == 0 && err.is_empty(), "{code} {out} {err}");
    for text in [
        "Deployment ",
        "/deployments/",
        "Validate: done in ",
        "Push: nothing to do",
        "Health check: done",
        "orders runs release 1 at http://",
    ] {
        assert!(out.contains(text), "{text} is missing: {out}");
    }
    let at = |text: &str| out.find(text).unwrap_or_else(|| panic!("{text} is missing: {out}"));
    assert!(
        at("Validate\n") < at("Validate: done")
            && at("Validate: done") < at("Prepare\n")
            && at("Push: ") < at("Deploy\n")
            && at("Health check: done") < at("Finalise: done"),
        "{out}"
    );
    assert_eq!(developer.get("/api/deploy").await.json()["items"][0]["message"], "from a pipeline");

    // For programs: an object a line, and values of its configuration.
    let args = [id.as_str(), "--json", "--set", "GREETING=bonjour", "--set", "NUMBER=7", "--strategy", "recreate", "--replace-waiting"];
    let (code, out, err) = run(&developer, &args).await;
    assert!(code == 0 && err.is_empty(), "{code} {out} {err}");
    let objects: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects[0]["type"], "accepted");
    let stage =
        |name: &str, status: &str| objects.iter().any(|one| one["type"] == "stage" && one["stage"] == name && one["status"] == status);
    assert!(stage("build", "running") && stage("build", "succeeded") && stage("finalise", "succeeded"), "{out}");
    let numbers: Vec<u64> = objects.iter().filter(|one| one["type"] == "line").map(|one| one["seq"].as_u64().unwrap()).collect();
    assert!(numbers.len() > 4 && numbers.is_sorted_by(|one, other| one < other), "{numbers:?}");
    let last = objects.last().unwrap();
    assert_eq!(
        (&last["type"], &last["status"], &last["deployment"]["release"]["number"]),
        (&json!("result"), &json!("succeeded"), &json!(2))
    );
    let values = developer.get(&format!("/api/config/services/{id}")).await.json()["values"].clone();
    assert_eq!((&values["GREETING"], &values["NUMBER"]), (&json!("bonjour"), &json!(7)));

    write(&folder, "broken");
    let (code, out, _) = run(&developer, &["orders"]).await;
    assert!(code == 1 && out.contains("orders: Rolled back: ") && out.contains("going back to what was before"), "{code} {out}");
    assert!(out.contains("No module named 'nowhere'") && out.contains("What to do: "), "{out}");

    write(&folder, "slow two");
    let (child, deployment) = begun(&developer, &["orders"]).await;
    assert_eq!(developer.post(&format!("/api/deploy/{deployment}/cancel"), json!({})).await.status, 202);
    let (code, out, err) = said(child.wait_with_output().await.unwrap());
    assert!(code == 3 && out.contains("orders: Cancelled: "), "{code} {out} {err}");

    let (code, out, _) = run(&developer, &["orders", "--no-wait"]).await;
    let taken = out.trim().rsplit('/').next().unwrap().to_owned();
    assert!(code == 0 && out.lines().count() == 1, "{code} {out}");
    assert_eq!(over(&developer, &taken).await["status"], "succeeded");
    stop(&developer, &id).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_is_said_and_the_key_is_never_an_argument() {
    let app = TestApp::start().await;
    let developer = app.sign_in("developer").await;
    let folder = app.store.folder().join("services/orders");
    write(&folder, "slow one");
    let id = service(&developer, "orders").await;
    let (nobody, wrong) = (app.nobody(), Client { token: Some("wrong".into()), ..app.nobody() });
    let viewer = app.sign_in("viewer").await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gone = Client { address: free, ..developer.clone() };
    let table: [(&Client, &[&str], i32, &str); 13] = [
        (&nobody, &["orders"], 2, "there is no API token; set PILOTHOUSE_API_KEY"),
        (&wrong, &["orders"], 2, "the token is not valid or has expired"),
        (&viewer, &["orders"], 2, "you may not deploy services"),
        (&developer, &["order"], 2, "there is no service 'order'"),
        (&developer, &["0192f0c4-0000-7000-8000-000000000000"], 2, "there is no service"),
        (
            &developer,
            &["orders", "--watch", "4000", "--strategy", "sideways"],
            2,
            "  /watch_seconds: a deployment is watched for at most 3,600 seconds",
        ),
        (&developer, &["orders", "--image", "shop/orders:2"], 2, "/configuration/image"),
        (&developer, &["orders", "--no-wait", "--dry-run"], 2, "cannot be used with"),
        (&developer, &["orders", "--set", "GREETING"], 2, "NAME=VALUE"),
        (&developer, &["orders", "--url", "pilothouse.example"], 2, "isn't the address of a Pilothouse"),
        (&developer, &["orders", "--step-seconds", "5"], 2, "--step-seconds is only for a canary"),
        (&developer, &["orders", "--strategy", "canary", "--canary-steps", "5,x"], 2, "'x' is no number of 100 requests"),
        (&gone, &["orders"], 4, "can't be reached"),
    ];
    for (client, args, expected, text) in table {
        let (code, out, err) = run(client, args).await;
        assert!(code == expected && err.contains(text) && out.is_empty(), "{args:?}: {code} {out} {err}");
    }
    let (code, out, _) = run(&developer, &["orders", "--watch", "4000", "--json"]).await;
    let error: Value = serde_json::from_str(out.trim()).unwrap();
    assert_eq!((code, &error["type"], &error["exit_code"]), (2, &json!("error"), &json!(2)));
    assert_eq!(error["details"][0]["field"], "/watch_seconds");

    // The key is in its environment or in a file; who lists processes doesn't see it. An interrupted command leaves the deployment alone.
    let token = developer.token.clone().unwrap();
    let file = app.store.folder().join("key");
    std::fs::write(&file, format!("{token}\n")).unwrap();
    let keyless = Client { token: None, ..developer.clone() };
    let (child, deployment) = {
        let (child, _) = (command(&keyless, &["orders", "--api-key-file", file.to_str().unwrap()]).spawn().unwrap(), ());
        let id = until("it is taken on", async || developer.get("/api/deploy").await.json()["items"][0]["id"].as_str().map(str::to_owned));
        (child, id.await)
    };
    let pid = child.id().unwrap();
    let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap();
    assert!(String::from_utf8_lossy(&arguments).contains("api-key-file") && !String::from_utf8_lossy(&arguments).contains(&token));
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid.cast_signed()).unwrap(), rustix::process::Signal::INT).unwrap();
    let (code, out, err) = said(child.wait_with_output().await.unwrap());
    assert!(
        code == 130 && err.contains("the deployment goes on") && err.contains(&format!("/api/deploy/{deployment}/cancel")),
        "{code} {out} {err}"
    );
    assert!(!out.contains(&token) && !err.contains(&token));
    assert_eq!(over(&developer, &deployment).await["status"], "succeeded");
    stop(&developer, &id).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_token_with_the_scope_deploy_is_enough_and_no_more_than_that() {
    let app = TestApp::start().await;
    let developer = app.sign_in("developer").await;
    write(&app.store.folder().join("services/orders"), "one");
    let id = service(&developer, "orders").await;
    let made = developer.post("/api/tokens", json!({"name": "pipeline", "scopes": ["deploy"]})).await.json();
    let pipeline = Client { token: Some(made["token"].as_str().unwrap().into()), ..app.nobody() };
    let (code, out, err) = run(&pipeline, &["orders", "--dry-run"]).await;
    assert!(code == 0 && out.contains("Deployed as 'recreate':"), "{code} {out} {err}");
    let (code, out, err) = run(&pipeline, &["orders", "--message", "from a pipeline"]).await;
    assert!(code == 0 && err.is_empty() && out.contains("orders runs release 1 at http://"), "{code} {out} {err}");
    let deployment = developer.get("/api/deploy").await.json()["items"][0].clone();
    assert_eq!(deployment["created_by"], "developer (token pipeline)", "{deployment}");
    for (args, scope) in [(["orders", "--set", "GREETING=bonjour"], "'change' or 'all'"), (["orders", "--urgent", "now"], "you may not")] {
        let (code, out, err) = run(&pipeline, &args).await;
        assert!(code == 2 && err.contains(scope), "{args:?}: {code} {out} {err}");
    }
    let made_id = made["id"].as_str().unwrap();
    assert_eq!(developer.delete(&format!("/api/tokens/{made_id}")).await.status, 204);
    let (code, out, err) = run(&pipeline, &["orders"]).await;
    assert!(code == 2 && err.contains("the token is not valid or has expired") && out.is_empty(), "{code} {out} {err}");
    stop(&developer, &id).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_of_pilothouse_in_the_middle_is_outlived() {
    let listen = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let app = TestApp::start_with(StoreKind::Sqlite, |settings| settings.listen = listen).await;
    let admin = app.sign_in("admin").await;
    let folder = app.store.folder().join("services/orders");
    write(&folder, "slow one");
    let id = service(&admin, "orders").await;
    let (child, deployment) = begun(&admin, &["orders"]).await;
    until("it is in the middle", async || {
        (admin.get(&format!("/api/deploy/status/{deployment}")).await.json()["stage"] == "health_check").then_some(())
    })
    .await;
    let store = app.stop().await;
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    let _app = TestApp::on(store, |settings| settings.listen = listen).await;
    let (code, out, err) = said(child.wait_with_output().await.unwrap());
    assert!(code == 0 && out.contains("orders runs release 1"), "{code} {out} {err}");
    assert!(err.contains("the deployment goes on, asking again"), "{err}");
    stop(&admin, &id).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn https_is_spoken_with_those_whose_certificate_is_trusted() {
    let app = TestApp::start().await;
    let developer = app.sign_in("developer").await;
    write(&app.store.folder().join("services/orders"), "one");
    service(&developer, "orders").await;
    let rcgen::CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider())).with_safe_default_protocol_versions().unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![cert.der().clone()], key).unwrap();
    let (acceptor, listener) = (TlsAcceptor::from(Arc::new(config)), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let (url, address) = (format!("https://{}", listener.local_addr().unwrap()), app.address);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut near) = acceptor.accept(stream).await else { return };
                let mut far = TcpStream::connect(address).await.unwrap();
                let _ = copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    let file = app.store.folder().join("ca.pem");
    std::fs::write(&file, cert.pem()).unwrap();
    let file = file.to_str().unwrap();
    let (code, out, err) = run(&developer, &["orders", "--dry-run", "--url", &url, "--ca-file", file]).await;
    assert!(code == 0 && out.contains("Deployed as"), "{code} {out} {err}");
    let (code, _, err) = run(&developer, &["orders", "--dry-run", "--url", &url]).await;
    assert!(matches!(code, 2 | 4) && err.contains("certificate"), "{code} {err}");
    let (code, _, err) = run(&developer, &["orders", "--url", &url, "--ca-file", "/nowhere"]).await;
    assert!(code == 2 && err.contains("/nowhere"), "{code} {err}");
}
