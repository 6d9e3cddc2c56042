//! What kinds of keys there are, what each is for, and by which algorithms.
//!
//! <https://docs.aws.amazon.com/kms/latest/developerguide/symm-asymm-choose-key-spec.html>

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An enumeration by AWS's names.
macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }

        impl $name {
            /// All of them, in AWS's order.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];
            /// The names of all of them.
            pub const NAMES: &'static [&'static str] = &[$($text,)+];

            /// AWS's name of it.
            pub fn name(self) -> &'static str {
                match self { $($name::$variant => $text,)+ }
            }

            /// The one called `name`.
            pub fn of(name: &str) -> Option<Self> {
                match name { $($text => Some($name::$variant),)+ _ => None }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = String::deserialize(deserializer)?;
                $name::of(&name).ok_or_else(|| serde::de::Error::custom("unknown name"))
            }
        }
    };
}

named!(
    /// A key's kind.
    Spec {
        /// RSA of 2048 bits.
        Rsa2048 = "RSA_2048",
        /// RSA of 3072 bits.
        Rsa3072 = "RSA_3072",
        /// RSA of 4096 bits.
        Rsa4096 = "RSA_4096",
        /// NIST P-256.
        P256 = "ECC_NIST_P256",
        /// NIST P-384.
        P384 = "ECC_NIST_P384",
        /// NIST P-521.
        P521 = "ECC_NIST_P521",
        /// secp256k1.
        P256K1 = "ECC_SECG_P256K1",
        /// AES-256-GCM.
        Symmetric = "SYMMETRIC_DEFAULT",
        /// HMAC with SHA-224.
        Hmac224 = "HMAC_224",
        /// HMAC with SHA-256.
        Hmac256 = "HMAC_256",
        /// HMAC with SHA-384.
        Hmac384 = "HMAC_384",
        /// HMAC with SHA-512.
        Hmac512 = "HMAC_512",
        /// Only in China.
        Sm2 = "SM2",
        /// ML-DSA-44.
        MlDsa44 = "ML_DSA_44",
        /// ML-DSA-65.
        MlDsa65 = "ML_DSA_65",
        /// ML-DSA-87.
        MlDsa87 = "ML_DSA_87",
        /// Ed25519.
        Ed25519 = "ECC_NIST_EDWARDS25519",
        /// ML-KEM-512.
        MlKem512 = "ML_KEM_512",
        /// ML-KEM-768.
        MlKem768 = "ML_KEM_768",
        /// ML-KEM-1024.
        MlKem1024 = "ML_KEM_1024",
    }
);

named!(
    /// What a key is for.
    Usage {
        /// Signatures.
        SignVerify = "SIGN_VERIFY",
        /// Encryption.
        EncryptDecrypt = "ENCRYPT_DECRYPT",
        /// Message authentication codes.
        GenerateVerifyMac = "GENERATE_VERIFY_MAC",
        /// Shared secrets.
        KeyAgreement = "KEY_AGREEMENT",
        /// Key encapsulation.
        EncapsulateDecapsulate = "ENCAPSULATE_DECAPSULATE",
    }
);

named!(
    /// Where a key's material comes from.
    Origin {
        /// Made here.
        Aws = "AWS_KMS",
        /// Imported.
        External = "EXTERNAL",
        /// In a CloudHSM: not served.
        CloudHsm = "AWS_CLOUDHSM",
        /// Outside AWS: not served.
        ExternalStore = "EXTERNAL_KEY_STORE",
    }
);

named!(
    /// How to encrypt.
    EncryptionAlgorithm {
        /// AES-256-GCM.
        Symmetric = "SYMMETRIC_DEFAULT",
        /// RSA OAEP with SHA-1.
        OaepSha1 = "RSAES_OAEP_SHA_1",
        /// RSA OAEP with SHA-256.
        OaepSha256 = "RSAES_OAEP_SHA_256",
        /// Only in China.
        Sm2 = "SM2PKE",
    }
);

named!(
    /// How to sign.
    SigningAlgorithm {
        /// RSA PSS with SHA-256.
        PssSha256 = "RSASSA_PSS_SHA_256",
        /// RSA PSS with SHA-384.
        PssSha384 = "RSASSA_PSS_SHA_384",
        /// RSA PSS with SHA-512.
        PssSha512 = "RSASSA_PSS_SHA_512",
        /// RSA PKCS #1 with SHA-256.
        Pkcs1Sha256 = "RSASSA_PKCS1_V1_5_SHA_256",
        /// RSA PKCS #1 with SHA-384.
        Pkcs1Sha384 = "RSASSA_PKCS1_V1_5_SHA_384",
        /// RSA PKCS #1 with SHA-512.
        Pkcs1Sha512 = "RSASSA_PKCS1_V1_5_SHA_512",
        /// ECDSA with SHA-256.
        EcdsaSha256 = "ECDSA_SHA_256",
        /// ECDSA with SHA-384.
        EcdsaSha384 = "ECDSA_SHA_384",
        /// ECDSA with SHA-512.
        EcdsaSha512 = "ECDSA_SHA_512",
        /// Only in China.
        Sm2 = "SM2DSA",
        /// ML-DSA.
        MlDsa = "ML_DSA_SHAKE_256",
        /// Ed25519.
        Ed25519 = "ED25519_SHA_512",
        /// Ed25519 of a digest: not served.
        Ed25519Ph = "ED25519_PH_SHA_512",
    }
);

named!(
    /// How to authenticate a message. In the order in which AWS was recorded to list them.
    MacAlgorithm {
        /// HMAC with SHA-384.
        Sha384 = "HMAC_SHA_384",
        /// HMAC with SHA-256.
        Sha256 = "HMAC_SHA_256",
        /// HMAC with SHA-224.
        Sha224 = "HMAC_SHA_224",
        /// HMAC with SHA-512.
        Sha512 = "HMAC_SHA_512",
    }
);

named!(
    /// What a message to be signed is.
    MessageType {
        /// The message itself.
        Raw = "RAW",
        /// Its digest.
        Digest = "DIGEST",
        /// ML-DSA's own representative of it: not served.
        ExternalMu = "EXTERNAL_MU",
    }
);

named!(
    /// How imported material is wrapped.
    WrappingAlgorithm {
        /// RSA PKCS #1: AWS takes it no more.
        Pkcs1 = "RSAES_PKCS1_V1_5",
        /// RSA OAEP with SHA-1.
        OaepSha1 = "RSAES_OAEP_SHA_1",
        /// RSA OAEP with SHA-256.
        OaepSha256 = "RSAES_OAEP_SHA_256",
        /// AES key wrap under an AES key under RSA OAEP with SHA-1.
        AesWrapSha1 = "RSA_AES_KEY_WRAP_SHA_1",
        /// AES key wrap under an AES key under RSA OAEP with SHA-256.
        AesWrapSha256 = "RSA_AES_KEY_WRAP_SHA_256",
        /// Only in China.
        Sm2 = "SM2PKE",
    }
);

impl Spec {
    /// What keys of this kind may be for.
    pub fn usages(self) -> &'static [Usage] {
        use Spec::*;
        match self {
            Rsa2048 | Rsa3072 | Rsa4096 => &[Usage::EncryptDecrypt, Usage::SignVerify],
            P256 | P384 | P521 => &[Usage::SignVerify, Usage::KeyAgreement],
            P256K1 | Ed25519 | MlDsa44 | MlDsa65 | MlDsa87 => &[Usage::SignVerify],
            Symmetric => &[Usage::EncryptDecrypt],
            Hmac224 | Hmac256 | Hmac384 | Hmac512 => &[Usage::GenerateVerifyMac],
            MlKem512 | MlKem768 | MlKem1024 => &[Usage::EncapsulateDecapsulate],
            Sm2 => &[Usage::EncryptDecrypt, Usage::SignVerify, Usage::KeyAgreement],
        }
    }

    /// The kinds that AWS's older name of the member, `CustomerMasterKeySpec`, knows.
    pub const OF_OLD_MEMBER: &'static [&'static str] = Spec::NAMES.split_at(13).0;

    /// This kind, as far as `CustomerMasterKeySpec` knows it.
    pub fn by_old_member(self) -> Option<Spec> {
        Spec::OF_OLD_MEMBER.contains(&self.name()).then_some(self)
    }

    /// Bits of an RSA key.
    pub fn rsa_bits(self) -> Option<usize> {
        match self {
            Spec::Rsa2048 => Some(2048),
            Spec::Rsa3072 => Some(3072),
            Spec::Rsa4096 => Some(4096),
            _ => None,
        }
    }

    /// Bytes of the material of a key that is only bytes.
    pub fn material_bytes(self) -> Option<usize> {
        match self {
            Spec::Symmetric | Spec::Hmac256 => Some(32),
            Spec::Hmac224 => Some(28),
            Spec::Hmac384 => Some(48),
            Spec::Hmac512 => Some(64),
            _ => None,
        }
    }

    /// Whether there is a public key.
    pub fn is_asymmetric(self) -> bool {
        self.material_bytes().is_none()
    }

    /// How such keys encrypt.
    pub fn encryption_algorithms(self) -> &'static [EncryptionAlgorithm] {
        match self {
            Spec::Symmetric => &[EncryptionAlgorithm::Symmetric],
            _ if self.rsa_bits().is_some() => {
                &[EncryptionAlgorithm::OaepSha1, EncryptionAlgorithm::OaepSha256]
            }
            _ => &[],
        }
    }

    /// How such keys sign.
    pub fn signing_algorithms(self) -> &'static [SigningAlgorithm] {
        use SigningAlgorithm::*;
        match self {
            Spec::Rsa2048 | Spec::Rsa3072 | Spec::Rsa4096 => {
                &[Pkcs1Sha256, Pkcs1Sha384, Pkcs1Sha512, PssSha256, PssSha384, PssSha512]
            }
            Spec::P256 | Spec::P256K1 => &[EcdsaSha256],
            Spec::P384 => &[EcdsaSha384],
            Spec::P521 => &[EcdsaSha512],
            Spec::Ed25519 => &[Ed25519, Ed25519Ph],
            Spec::MlDsa44 | Spec::MlDsa65 | Spec::MlDsa87 => &[MlDsa],
            _ => &[],
        }
    }

    /// How such keys authenticate.
    pub fn mac_algorithms(self) -> &'static [MacAlgorithm] {
        match self {
            Spec::Hmac224 => &[MacAlgorithm::Sha224],
            Spec::Hmac256 => &[MacAlgorithm::Sha256],
            Spec::Hmac384 => &[MacAlgorithm::Sha384],
            Spec::Hmac512 => &[MacAlgorithm::Sha512],
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_and_every_kind_is_for_something() {
        for spec in Spec::ALL {
            assert_eq!(Spec::of(spec.name()), Some(*spec));
            assert!(!spec.usages().is_empty());
        }
        assert_eq!(Spec::NAMES.len(), Spec::ALL.len());
        assert_eq!(Spec::of("RSA_1024"), None);
        assert_eq!(Spec::OF_OLD_MEMBER.last(), Some(&"SM2"));
    }
}
