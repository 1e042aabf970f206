//! What a target file may contain, and how its mistakes are reported.

use crate::scenario::ScenarioError;

use super::*;

const KNOWN: [&str; 3] = ["short-polling", "long-polling", "websocket"];
const WHOLE: &str = r#"
label = "A server"
about = "for a test"
[[requires]]
program = "nginx"
install = "the Debian package nginx"
[[requires]]
files = ["one.so", "/two.so"]
as = "module"
install = "the Debian package two"
[start]
command = ["nginx", "{dir}/a.conf"]
config = { "a.conf" = "a.template" }
[ready]
path = "/"
within = "3s"
[version]
command = ["nginx", "-v"]
[publish]
path = "/pub?c={channel}"
rejected_if = '"error"'
[techniques.websocket]
path = "/ws?c={channel}"
connected = "request-sent"
namespace = "/chat"
join = '["subscribe","{channel}"]'
[techniques.short-polling]
path = "/poll?c={channel}"
resume = "validators"
empty = 304
answers = "one"
newline = true
headers = { te = "chunked" }
"#;

fn parse(text: &str) -> Result<Target, ScenarioError> {
    Target::parse(text, "t.toml", "t", &KNOWN)
}

/// The message about `WHOLE` with `from` replaced.
fn mistake(from: &str, to: &str) -> String {
    assert!(WHOLE.contains(from), "{from}");
    parse(&WHOLE.replace(from, to)).unwrap_err().to_string()
}

#[test]
fn a_whole_file_says_all_of_this() {
    let target = parse(WHOLE).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((target.name.as_str(), target.label.as_str()), ("t", "A server"));
    assert_eq!(target.requires.len(), 2);
    assert_eq!(target.ready, Ready { path: Some("/".to_owned()), within_ns: 3_000_000_000 });
    assert_eq!(target.publish.method, "POST");
    let slugs: Vec<_> = target.techniques.keys().map(String::as_str).collect();
    assert_eq!(slugs, ["short-polling", "websocket"]);
    let polling = &target.techniques["short-polling"];
    assert_eq!(
        (polling.resumes, polling.empty, polling.answers),
        (Resumes::Validators, Some(304), Answers::One)
    );
    let websocket = Subscription {
        connected: Connected::RequestSent,
        namespace: Some("/chat".to_owned()),
        join: Some(r#"["subscribe","{channel}"]"#.to_owned()),
        ..Subscription::at("/ws?c={channel}")
    };
    assert_eq!(target.techniques["websocket"], websocket);
    assert_eq!(target.publish.rejected_if.as_deref(), Some("\"error\""));
}

#[test]
fn a_mistake_is_named_with_its_place_and_what_is_allowed() {
    for (from, to, wanted) in [
        ("label = \"A server\"\n", "", "`label` is missing in a target"),
        ("techniques.websocket", "techniques.websockets", "did you mean `websocket`?"),
        ("resume = \"validators\"", "resume = \"validator\"", "did you mean `validators`?"),
        ("resume = \"validators\"", "resume = \"query\"", "write {after} into the path"),
        ("\"/poll?c={channel}\"", "\"/poll?c={channel}&a={after}\"", "write resume = \"query\""),
        ("path = \"/ws?c={channel}\"", "path = \"ws\"", "`ws` is not a path"),
        ("\"request-sent\"", "\"request-send\"", "did you mean `request-sent`?"),
        ("\"/chat\"", "\"chat\"", "`chat` is not a namespace"),
        ("'[\"subscribe\",", "'{\"subscribe\",", "is not an event"),
        ("path = \"/pub?c={channel}\"", "path = \"/pub me\"", "`/pub me` is not a path"),
        ("te = \"chunked\"", "TE = \"chunked\"", "`TE: chunked` is not a header field"),
        ("program = \"nginx\"", "programme = \"nginx\"", "did you mean `program`?"),
        ("program = \"nginx\"\n", "", "a requirement is a program or files"),
        // Also missing is the key that was meant.
        ("label", "lable", "t.toml:2:1: `lable` is not a key of a target"),
        ("label", "lable", "did you mean `label`?"),
        ("[ready]", "color = 1\n[ready]", "`color` is not a key of [start]"),
        ("command = [\"nginx\", \"{dir", "comand = [\"nginx\", \"{dir", "did you mean `command`?"),
        ("command = [\"nginx\", \"-v", "comand = [\"nginx\", \"-v", "`comand` is not a key of [version]"),
        ("path = \"/pub", "pth = \"/pub", "`pth` is not a key of [publish]"),
        ("path = \"/ws", "pathh = \"/ws", "`pathh` is not a key of a technique of a target"),
        (
            "install = \"the Debian package two",
            "instal = \"the Debian package two",
            "did you mean `install`?",
        ),
        ("as = \"module\"", "as = \"port\"", "cannot be a placeholder's name"),
        ("within = \"3s\"", "within = \"3\"", "3"),
        ("[start]", "address = \"127.0.0.1:1\"\n[start]", "is not a key of [[requires]]"),
        (
            "about = \"for a test\"",
            "about = \"x\"\naddress = \"127.0.0.1:1\"",
            "started or has an address, not both",
        ),
        ("about = \"for a test\"", "about = \"x\"\naddress = \"nowhere\"", "`nowhere` is not an address"),
        (
            "about = \"for a test\"",
            "about = \"x\"\naddress = \"10.0.0.1:80\"",
            "10.0.0.1 is not on this machine",
        ),
        ("command = [\"nginx\", \"{dir}/a.conf\"]", "command = []", "a command without a program"),
        ("[ready]", "[reddy]", "`reddy` is not a key of a target"),
        ("[publish]\npath = \"/pub?c={channel}\"\nrejected_if = '\"error\"'\n", "", "`publish` is missing"),
    ] {
        let message = mistake(from, to);
        assert!(message.contains(wanted) && message.starts_with("t.toml:"), "{from} → {to}:\n{message}");
    }
}

#[test]
fn a_server_that_runs_already_has_an_address() {
    let text = "label = \"x\"\nabout = \"y\"\naddress = \"127.0.0.1:80\"\n[publish]\npath = \"/p\"\n[techniques.websocket]\npath = \"/w\"\n";
    let target = parse(text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(target.server, Server::Running(([127, 0, 0, 1], 80).into()));
    let bad = Target::parse(text, "T.toml", "My Server", &KNOWN).unwrap_err();
    assert!(bad.to_string().contains("cannot be a target's name"), "{bad}");
}
