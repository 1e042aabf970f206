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
[techniques.websocket]
path = "/ws?c={channel}"
connected = "request-sent"
subprotocols = ["one", "two"]
open = [{ send = "join {channel}", until = "joined" }, { send_hex = "00" }]
answer = [{ to = "ping", send = "pong" }]
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
    assert_eq!(target.ready, Ready { when: ReadyWhen::Answers("/".to_owned()), within_ns: 3_000_000_000 });
    let Publish::Request(publish) = &target.publish else { panic!("{:?}", target.publish) };
    assert_eq!((publish.method.as_str(), publish.content_type.as_str()), ("POST", "application/json"));
    let slugs: Vec<_> = target.techniques.keys().map(String::as_str).collect();
    assert_eq!(slugs, ["short-polling", "websocket"]);
    let polling = &target.techniques["short-polling"];
    assert_eq!(
        (polling.resumes.clone(), polling.empty, polling.answers),
        (Resumes::Validators, Some(304), Answers::One)
    );
    let text = |text: &str| Some(Frame::Text(text.to_owned()));
    let websocket = Subscription {
        connected: Connected::RequestSent,
        namespace: Some("/chat".to_owned()),
        join: Some(r#"["subscribe","{channel}"]"#.to_owned()),
        headers: BTreeMap::from([("sec-websocket-protocol".to_owned(), "one, two".to_owned())]),
        frames: Frames {
            open: vec![
                OpenStep { send: text("join {channel}"), until: text("joined") },
                OpenStep { send: Some(Frame::Hex("00".to_owned())), until: None },
            ],
            answer: vec![Answer {
                to: Frame::Text("ping".to_owned()),
                whole: false,
                send: Frame::Text("pong".to_owned()),
            }],
        },
        ..Subscription::at("/ws?c={channel}")
    };
    assert_eq!(target.techniques["websocket"], websocket);
}

/// `WHOLE` with `from` replaced.
fn changed(from: &str, to: &str) -> Target {
    assert!(WHOLE.contains(from), "{from}");
    parse(&WHOLE.replace(from, to)).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_start_has_variables_a_folder_and_a_signal() {
    let more = "env = { PORT = \"{port}\", T = \"{technique}\" }\nfolder = \"app\"\nstop = \"INT\"\n[ready]";
    let Server::Started(start) = changed("[ready]", more).server else { panic!("it is started") };
    let variables: Vec<_> = start.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(variables, ["PORT={port}", "T={technique}"]);
    assert_eq!((start.folder.as_deref(), start.stop), (Some("app"), StopSignal::Int));
    let ready = changed("path = \"/\"", "line = \"listening\"").ready;
    assert_eq!(ready.when, ReadyWhen::Writes("listening".to_owned()));
}

#[test]
fn publishing_is_a_request_or_a_command() {
    let path = "path = \"/pub?c={channel}\"";
    let more = format!(
        "{path}\naddress = \"127.0.0.1:{{port2}}\"\nmethod = \"PUT\"\nheaders = {{ authorization = \"x\" }}\n\
         body = '{{\"d\":{{message_json}}}}'\nsuccess = {{ status = [202], lacks = \"error\" }}"
    );
    let Publish::Request(request) = changed(path, &more).publish else { panic!("a request") };
    assert_eq!(request.address.as_deref(), Some("127.0.0.1:{port2}"));
    assert_eq!(request.body.as_deref(), Some("{\"d\":{message_json}}"));
    assert_eq!(request.headers["authorization"], "x");
    let success = Success { status: vec![202], has: None, lacks: Some("error".to_owned()) };
    assert_eq!((request.method.as_str(), request.success), ("PUT", success));
    let socket = r#"websocket = "/w"
open = [{ send = "hi" }]
send_hex = "30 v(2('c') '{message}')"
success = { has = "ok" }"#;
    let Publish::Socket(socket) = changed(path, socket).publish else { panic!("a WebSocket") };
    assert_eq!(
        (socket.path.as_str(), socket.has.as_deref(), socket.frames.open.len()),
        ("/w", Some("ok"), 1)
    );
    let Publish::Command(command) = changed(path, "command = [\"pub\", \"{port}\"]").publish else {
        panic!("a command")
    };
    assert_eq!(
        (command.command, command.channel.as_str()),
        (vec!["pub".to_owned(), "{port}".to_owned()], "{channel}")
    );
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
        ("[publish]\npath = \"/pub?c={channel}\"\n", "", "`publish` is missing"),
        ("[ready]", "stop = \"TERMINATE\"\n[ready]", "allowed: TERM, INT, QUIT, HUP, KILL"),
        ("[ready]", "env = { \"A=B\" = \"c\" }\n[ready]", "`A=B` is not a variable's name"),
        ("[ready]", "[process]\npid = 1\n[ready]", "[process] is for a server that is running already"),
        ("within = \"3s\"", "line = \"up\"", "ready by a path or by a line, not both"),
        ("as = \"module\"", "as = \"technique\"", "cannot be a placeholder's name"),
        ("[publish]", "[publish]\naddress = \"127.0.0.1:{port10}\"", "is not an address"),
        ("[publish]", "[publish]\naddress = \"10.0.0.1:80\"", "10.0.0.1 is not on this machine"),
        ("[publish]", "[publish]\nmethod = \"GET\"", "allowed: POST, PUT, PATCH"),
        ("[publish]", "[publish]\nbody = \"{}\"", "is a body without the message"),
        ("[publish]", "[publish]\nbody = '{\"d\":\"{message}\"}'", "write {message_json} without quotes"),
        ("[publish]", "[publish]\nsuccess = { stats = [200] }", "did you mean `status`?"),
        ("[publish]", "[publish]\nsuccess = { status = [600] }", "a whole number from 1 to 599"),
        ("[publish]", "[publish]\ncommand = [\"pub\"]", "with `command` in [publish], this is not used"),
        ("[publish]\npath =", "[publish]\nsend = \"x\"\nwebsocket =", "what is sent is without the message"),
        (
            "[publish]\npath =",
            "[publish]\nsend = \"{message}\"\npath =",
            "with `path` in [publish], this is not used",
        ),
        ("resume = \"validators\"", "resume = { json = \"next\" }", "`next` is not a JSON pointer"),
        (
            "resume = \"validators\"",
            "resume = { json = \"/next\" }",
            "the path does not say where the cursor goes",
        ),
        ("answers = \"one\"", "open = []", "only [techniques.websocket] has frames"),
        ("{ send_hex = \"00\" }", "{}", "a step that neither sends nor waits"),
        ("send_hex = \"00\"", "send_hex = \"3\"", "`3` is no pair of hex digits"),
        ("to = \"ping\", send = \"pong\"", "to = \"ping\"", "an answer needs what it answers"),
        ("join {channel}", "join {chanel}", "did you mean `channel`?"),
        ("send = \"pong\"", "send = \"pong {id}\"", "{id} is neither a placeholder nor a name in an earlier"),
    ] {
        let message = mistake(from, to);
        assert!(message.contains(wanted) && message.starts_with("t.toml:"), "{from} → {to}:\n{message}");
    }
}

#[test]
fn a_server_that_runs_already_has_an_address() {
    let text = "label = \"x\"\nabout = \"y\"\naddress = \"127.0.0.1:80\"\n[publish]\npath = \"/p\"\n[techniques.websocket]\npath = \"/w\"\n";
    let target = parse(text).unwrap_or_else(|error| panic!("{error}"));
    let address = Address::parse("127.0.0.1:80").unwrap();
    let bare = Running { address, pid: None, pid_file: None, ports: Vec::new() };
    assert_eq!(target.server, Server::Running(bare));
    let more = format!("{text}[process]\npid = 7\npid_file = \"my.pid\"\nports = [80, 90]\n");
    let Server::Running(running) = parse(&more).unwrap_or_else(|error| panic!("{error}")).server else {
        panic!("it runs")
    };
    assert_eq!(
        (running.pid, running.pid_file, running.ports),
        (Some(7), Some("my.pid".into()), vec![80, 90])
    );
    let by_tls = text.replace("127.0.0.1:80", "https://localhost:8443/live");
    let unchecked = parse(&by_tls).unwrap_err().to_string();
    assert!(unchecked.contains("nothing says how the certificate of localhost is checked"), "{unchecked}");
    let by_tls =
        parse(&format!("{by_tls}[tls]\nca = \"ca.pem\"\n")).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(by_tls.tls, Some(Tls { name: "localhost".to_owned(), ca: Some("ca.pem".to_owned()) }));
    let unread = parse(&format!("{text}[ready]\nline = \"up\"\n")).unwrap_err().to_string();
    assert!(unread.contains("what a server writes that is running already cannot be read"), "{unread}");
    let bad = Target::parse(text, "T.toml", "My Server", &KNOWN).unwrap_err();
    assert!(bad.to_string().contains("cannot be a target's name"), "{bad}");
}

#[test]
fn a_proxy_has_fixes_and_neither_publishes_nor_subscribes() {
    const PROXY: &str =
        "label = \"P\"\nabout = \"it\"\n[start]\ncommand = [\"p\"]\n[fixes]\nwebsocket = \"`a b`\"\n";
    let parse = |text: &str| Target::parse_proxy(text, "p.toml", "p", &["websocket"]);
    assert_eq!(parse(PROXY).unwrap().fixes["websocket"], "`a b`");
    for (from, to, wanted) in [
        ("websocket", "websockets", "did you mean `websocket`?"),
        ("[fixes]", "[publish]", "`publish` is not a key of a proxy"),
    ] {
        let error = parse(&PROXY.replace(from, to)).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    }
}
