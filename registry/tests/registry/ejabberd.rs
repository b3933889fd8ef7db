//! A real ejabberd, one for all tests of a process, each with a domain of its own.
//!
//! It runs without a node name, so that there is neither a cookie nor an `epmd`.

use std::{
    fmt::Write as _,
    fs,
    net::{Ipv4Addr, SocketAddr},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::OnceCell,
    time::{Instant, sleep},
};

/// Domains, one for each test that may run over it.
const DOMAINS: usize = 96;

/// How long certificates hold: Erlang's timers, which wait for their end, do not reach far.
const DAYS: &str = "30";

static SHARED: OnceCell<Ejabberd> = OnceCell::const_new();
static NEXT: AtomicUsize = AtomicUsize::new(0);

#[derive(Debug)]
pub(crate) struct Ejabberd {
    folder: PathBuf,
    clients: u16,
    api: u16,
}

/// One domain of it.
#[derive(Clone, Debug)]
pub(crate) struct Domain {
    pub(crate) server: &'static Ejabberd,
    pub(crate) name: String,
}

impl Domain {
    /// A domain that no other test has.
    pub(crate) async fn fresh() -> Self {
        let server = SHARED.get_or_init(Ejabberd::start).await;
        let nth = NEXT.fetch_add(1, Ordering::Relaxed);
        assert!(nth < DOMAINS, "there are more tests than domains");
        Self { server, name: domain(nth) }
    }

    /// Makes an account, or sets its password anew.
    pub(crate) async fn add(&self, user: &str, password: &str) {
        let set = |what: &str| {
            format!(r#"{{"user":"{user}","host":"{}","{what}":"{password}"}}"#, self.name)
        };
        if self.server.call("register", &set("password")).await != 200 {
            let arguments = set("newpass");
            assert_eq!(self.server.call("change_password", &arguments).await, 200, "{arguments}");
        }
    }
}

impl Ejabberd {
    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.clients).into()
    }

    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("ejabberd.log")).unwrap_or_default()
    }

    async fn start() -> Self {
        let folder = folder();
        fs::create_dir_all(&folder).unwrap();
        let [clients, api] = free_ports();
        certificates(&folder);
        fs::write(folder.join("ejabberd.yml"), config(&folder, clients, api)).unwrap();
        // The process ends with the thread that started it, and that one never does.
        std::thread::spawn({
            let folder = folder.clone();
            move || {
                let status = spawn(&folder).wait().unwrap();
                panic!("ejabberd ended with {status}: see {}", folder.display());
            }
        });
        let ejabberd = Self { folder, clients, api };
        let deadline = Instant::now() + Duration::from_mins(1);
        while ejabberd.call("status", "{}").await != 200 {
            assert!(Instant::now() < deadline, "ejabberd did not come up");
            sleep(Duration::from_millis(50)).await;
        }
        ejabberd
    }

    /// Has it run a command of `ejabberdctl`; returns the status of its answer, or 0.
    async fn call(&self, command: &str, arguments: &str) -> u16 {
        let call = async {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.api)).await?;
            let request = format!(
                "POST /api/{command} HTTP/1.0\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{arguments}",
                arguments.len()
            );
            stream.write_all(request.as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            std::io::Result::Ok(answer)
        };
        let answer = call.await.unwrap_or_default();
        answer.split(' ').nth(1).and_then(|it| it.parse().ok()).unwrap_or(0)
    }
}

/// Where it lives; what earlier processes left behind is removed.
fn folder() -> PathBuf {
    let base = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ejabberd");
    for old in fs::read_dir(&base).into_iter().flatten().flatten() {
        if !Path::new("/proc").join(old.file_name()).exists() {
            drop(fs::remove_dir_all(old.path()));
        }
    }
    base.join(std::process::id().to_string())
}

fn free_ports() -> [u16; 2] {
    let listeners = [(); 2].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.each_ref().map(|it| it.local_addr().unwrap().port())
}

fn domain(nth: usize) -> String {
    format!("d{nth}.test.vedette")
}

/// An authority, and a certificate of it for every domain; the server sends both.
fn certificates(folder: &Path) {
    let names: Vec<String> = (0..DOMAINS).map(|nth| format!("DNS:{}", domain(nth))).collect();
    let made = |name: &str, subject: &str, extensions: &[&str]| {
        let mut openssl = Command::new("openssl");
        openssl.current_dir(folder).args(["req", "-x509", "-noenc", "-newkey", "ec"]);
        openssl.args(["-pkeyopt", "ec_paramgen_curve:P-256", "-subj", subject, "-config"]);
        openssl.args(["openssl.cnf", "-days", DAYS, "-out", &format!("{name}.pem"), "-keyout"]);
        openssl.arg(format!("{name}.key"));
        openssl.args(extensions.iter().flat_map(|it| ["-addext", it]));
        openssl
    };
    let run = |mut openssl: Command| {
        let output = openssl.output().expect("needs openssl");
        assert!(output.status.success(), "{output:?}");
    };
    fs::write(folder.join("openssl.cnf"), "[req]\ndistinguished_name = name\n[name]\n").unwrap();
    run(made("ca", "/CN=authority of the tests", &["basicConstraints=critical,CA:TRUE"]));
    let names = format!("subjectAltName={}", names.join(","));
    let extensions = ["basicConstraints=CA:FALSE", "extendedKeyUsage=serverAuth", &names];
    let mut server = made("leaf", "/CN=server of the tests", &extensions);
    server.args(["-CA", "ca.pem", "-CAkey", "ca.key"]);
    run(server);
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let chain = read("leaf.pem") + &read("ca.pem") + &read("leaf.key");
    fs::write(folder.join("server.pem"), chain).unwrap();
}

fn spawn(folder: &Path) -> std::process::Child {
    let out = fs::File::create(folder.join("out.log")).unwrap();
    Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "erl", "-noinput", "+S", "1", "-boot", "start_sasl"])
        .args(["-sasl", "sasl_error_logger", "false", "-mnesia", "dir"])
        .arg(format!("{:?}", folder.join("data")))
        .args(["-s", "ejabberd"])
        .env("HOME", folder)
        .env("ERL_LIBS", libraries())
        .env("ERL_CRASH_DUMP", folder.join("crash.dump"))
        .env("EJABBERD_CONFIG_PATH", folder.join("ejabberd.yml"))
        .env("EJABBERD_LOG_PATH", folder.join("ejabberd.log"))
        .stdin(Stdio::null())
        .stdout(out.try_clone().unwrap())
        .stderr(out)
        .process_group(0)
        .spawn()
        .expect("needs setpriv and erl")
}

/// Where Debian puts it: `/usr/lib/<machine>/ejabberd-<version>`.
fn libraries() -> PathBuf {
    let places = fs::read_dir("/usr/lib").unwrap().flatten().map(|it| it.path());
    let is_ejabberd = |it: fs::DirEntry| it.file_name().to_string_lossy().starts_with("ejabberd-");
    let has =
        |place: &PathBuf| fs::read_dir(place).into_iter().flatten().flatten().any(is_ejabberd);
    places
        .chain(["/usr/lib".into()])
        .find(has)
        .expect("ejabberd is not installed: deploy/setup test")
}

fn config(folder: &Path, clients: u16, api: u16) -> String {
    let mut hosts = String::new();
    for nth in 0..DOMAINS {
        writeln!(hosts, "  - {}", domain(nth)).unwrap();
    }
    format!(
        r#"
hosts:
{hosts}
loglevel: info
certfiles: ["{folder}/server.pem"]
auth_method: internal
auth_password_format: scram
auth_scram_hash: sha256
disable_sasl_mechanisms: ["PLAIN", "X-OAUTH2", "DIGEST-MD5"]
listen:
  - port: {clients}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    starttls_required: true
    max_stanza_size: 262144
    shaper: none
    access: all
  - port: {api}
    ip: "127.0.0.1"
    module: ejabberd_http
    request_handlers:
      /api: mod_http_api
acl:
  registrars:
    user: ["registry"]
access_rules:
  configure:
    allow: registrars
api_permissions:
  "test":
    from: [mod_http_api]
    who: all
    what: ["register", "change_password", "status"]
modules:
  mod_adhoc: {{}}
  mod_admin_extra: {{}}
  mod_caps: {{}}
  mod_configure: {{}}
  mod_disco: {{}}
  mod_http_api: {{}}
  mod_ping: {{}}
  mod_pubsub:
    access_createnode: all
    plugins: ["flat", "pep"]
    default_node_config:
      itemreply: publisher
  mod_register:
    access: none
  mod_roster: {{}}
  mod_stream_mgmt: {{}}
"#,
        folder = folder.display()
    )
}
