use super::*;

/// What the driver is told for an address that is accepted.
fn read(address: &str) -> (Config, Tls) {
    super::super::DatabaseUrl::parse(address).unwrap_or_else(|invalid| panic!("{address}: {invalid}"));
    from_address(address).unwrap_or_else(|problem| panic!("{address}: {problem:?}"))
}

fn refused(address: &str) -> String {
    let problem = from_address(address).err().unwrap_or_else(|| panic!("{address} is accepted"));
    assert_eq!(problem.kind(), Kind::Configuration);
    format!("{problem} {problem:?}")
}

fn socket(directory: &str) -> Host {
    Host::Unix(directory.into())
}

fn tcp(name: &str) -> Host {
    Host::Tcp(name.to_owned())
}

#[test]
fn every_way_to_name_a_host_arrives() {
    for (address, hosts, ports) in [
        ("postgres:///x?host=/var/run/postgresql", vec![socket("/var/run/postgresql")], vec![]),
        ("postgres://u@/x?host=%2Fa%20b%2Fc&port=5433", vec![socket("/a b/c")], vec![5433]),
        ("postgres://u@%2Fvar%2Frun%2Fpostgresql/x", vec![socket("/var/run/postgresql")], vec![5432]),
        ("postgres://u@%2fvar%2Frun:5433/x?connect_timeout=3", vec![socket("/var/run")], vec![5433]),
        ("postgres://[::1]:5433/x", vec![tcp("::1")], vec![5433]),
        ("postgres://DB.Example.org/x", vec![tcp("DB.Example.org")], vec![5432]),
        ("postgres://h1:5433,%2Frun,h2/x", vec![tcp("h1"), socket("/run"), tcp("h2")], vec![5433, 5432, 5432]),
        ("postgresql://db", vec![tcp("db")], vec![5432]),
    ] {
        let (config, _) = read(address);
        assert_eq!((config.get_hosts(), config.get_ports()), (&*hosts, &*ports), "{address}");
    }
}

#[test]
fn what_is_percent_encoded_arrives_as_it_was_meant() {
    for tls in ["", "sslmode=disable&", "ssl%6Dode=disable&"] {
        let (config, _) = read(&format!(
            "postgres://me%40home:p%40s%2Fs%3A%3F%23%25%26+w%C3%B6rd'\"&=@db/open%20t%2Falk\
             ?{tls}options=-c%20x%3Dy%26z+1&application_name=a%3Fb"
        ));
        assert_eq!(config.get_user(), Some("me@home"));
        assert_eq!(config.get_password(), Some("p@s/s:?#%&+w\u{f6}rd'\"&=".as_bytes()));
        assert_eq!(config.get_dbname(), Some("open t/alk"));
        assert_eq!(config.get_options(), Some("-c x=y&z+1"));
        assert_eq!(config.get_application_name(), Some("a?b"));
        assert_eq!(config.get_ssl_mode(), if tls.is_empty() { SslMode::Prefer } else { SslMode::Disable });
    }
}

#[test]
fn tls_is_what_libpq_takes_it_for() {
    let certificates = "/no/such/file.pem";
    for (address, mode) in [
        ("postgres://db/x", SslMode::Prefer),
        ("postgres://db/x?sslmode=require", SslMode::Require),
        ("postgres://db/x?connect_timeout=3&sslmode=disable", SslMode::Disable),
        // A socket has none, whatever is asked for.
        ("postgres:///x?host=/run&sslmode=require", SslMode::Disable),
        (&format!("postgres://%2Frun/x?sslmode=verify-full&sslrootcert={certificates}"), SslMode::Disable),
        ("postgres://%2Frun,db/x?sslmode=require", SslMode::Require),
    ] {
        let (config, tls) = read(address);
        assert_eq!((config.get_ssl_mode(), tls.connector.is_none()), (mode, mode == SslMode::Disable), "{address}");
    }
    let told = refused(&format!("postgres://db/x?sslmode=verify-full&sslrootcert={certificates}"));
    assert!(told.contains("cannot read certificates from /no/such/file.pem"), "{told}");
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    for (address, why) in [
        ("postgres://db/x?sslmode=allow", "sslmode=allow is not supported"),
        ("postgres://db/x?sslcert=hunter2", "sslcert in the PostgreSQL address is not supported"),
        ("postgres://db/x?sslpassword=hunter2", "sslpassword in the PostgreSQL address"),
        ("postgres://u:hunter2@db/x?passfile=hunter2", "passfile"),
        ("postgres://u:hunter2@db/x?connect_timeout=hunter2", "connect_timeout"),
    ] {
        let told = refused(address);
        assert!(told.contains(why) && !told.contains("hunter2"), "{told}");
    }
}
