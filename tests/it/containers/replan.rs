//! A profile that changes under a running environment, and other numbers of containers: what differs is
//! shown and carried out, and nothing else is touched.

use super::life::{container, left, service};
use super::project;
use crate::support::UP_TIMEOUT;

const PROFILE: &str =
    "port = \"auto\"\n[s3.buckets.first]\n[containers]\ncompose = [\"compose.yaml\"]\n";
const COMPOSE: &str = "
services:
  api: { image: devenv-test/busybox, init: true, command: sleep 1000 }
  other: { image: devenv-test/busybox, init: true, command: sleep 1000 }
  old: { image: devenv-test/busybox, init: true, command: sleep 1000 }
";

#[test]
fn an_edited_profile_is_taken_over_and_only_what_differs_is_touched() {
    let project = project(PROFILE);
    project.write("compose.yaml", COMPOSE);
    project.up();
    let (api, other) = (container(&project, "api"), container(&project, "other"));
    let again = ["up", "-d", "--timeout", UP_TIMEOUT];
    let up = project.devenv(&again).success();
    assert!(up.stderr.contains("already running"), "{}", up.stderr);
    let edited = COMPOSE.replace("  old:", "  new:").replace(
        "other: { image: devenv-test/busybox,",
        "other: { image: devenv-test/busybox, environment: { X: y },",
    );
    project.write("compose.yaml", &edited);
    project.write(
        "devenv.toml",
        &PROFILE.replace("[containers]", "[s3.buckets.second]\n[containers]"),
    );
    let up = project.devenv(&again).success();
    for line in [
        "+ new is started",
        "- old is stopped",
        "~ other is made anew",
        "+ s3.buckets.second is declared",
    ] {
        assert!(up.stderr.contains(line), "{line}: {}", up.stderr);
    }
    assert_eq!(container(&project, "api"), api, "nothing of it has changed");
    assert_ne!(container(&project, "other"), other);
    assert_ne!(container(&project, "new"), "");
    assert_eq!(service(&project, "new")["state"], "healthy");
    let inside = project.devenv(&["exec", "--in", "other", "--", "sh", "-c", "echo $X"]).success();
    assert_eq!(inside.stdout, "y\n");
    let signed = "Authorization: AWS4-HMAC-SHA256 Credential=test/20200101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=x";
    let ask = format!("wget -q -O- --header '{signed}' $AWS_ENDPOINT_URL/second");
    let inside = project.devenv(&["exec", "--in", "api", "--", "sh", "-c", &ask]).success();
    assert!(inside.stdout.contains("<Name>second</Name>"), "{}", inside.stdout);
    // A mistake changes nothing.
    project.write("compose.yaml", "services: { api: { imag: x } }");
    project.devenv(&again).ends(2);
    assert_eq!(container(&project, "api"), api);
    project.write("compose.yaml", &edited);
    services_are_scaled(&project, &api);
    project.devenv(&["down", "--volumes", "--yes"]).success();
    assert_eq!(left(&project), "");
}

fn services_are_scaled(project: &crate::support::Project, api: &str) {
    project.devenv(&["scale", "api=3"]).success();
    assert_eq!(container(project, "api"), api, "the first one stays");
    for part in ["api-2", "api-3"] {
        assert_eq!(service(project, part)["state"], "healthy", "{part}");
    }
    project.devenv(&["scale", "api=2", "other=2"]).success();
    assert_eq!(service(project, "other-2")["state"], "healthy");
    let wait = ["wait", "api-3", "--for", "down", "--timeout", UP_TIMEOUT];
    // It may be gone already, and is no part then.
    let _ = project.devenv(&wait);
    assert_eq!(container(project, "api-3"), "");
    project.devenv(&["scale", "nobody=2"]).ends(2);
    project.devenv(&["scale", "api=many"]).ends(2);
}
