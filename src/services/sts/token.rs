//! The claims of an identity provider's token (a JWT). Its signature is not verified: devenv asks no
//! provider for keys.
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>

use crate::base::Millis;
use crate::services::model::Refusal;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// What a token says.
#[derive(Clone, PartialEq, Eq)]
pub struct Claims {
    /// The provider's URL without `https://`.
    pub provider: String,
    /// Whom it speaks of.
    pub subject: String,
    /// For whom it was made.
    pub audience: String,
}

fn refused() -> Refusal {
    Refusal::new(
        "InvalidIdentityToken",
        "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
    )
}

/// Reads the claims of `token`.
pub fn read(token: &str, now: Millis) -> Result<Claims, Refusal> {
    let parts: Vec<&str> = token.split('.').collect();
    let [_, payload, _] = parts.as_slice() else { return Err(refused()) };
    let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).map_err(|_| refused())?;
    let claims: Value = serde_json::from_slice(&bytes).map_err(|_| refused())?;
    let text = |name: &str| claims[name].as_str().map(str::to_owned).ok_or_else(refused);
    let audience = match &claims["aud"] {
        Value::Array(several) => several.first().and_then(Value::as_str).map(str::to_owned),
        one => one.as_str().map(str::to_owned),
    };
    if let Some(expires) = claims["exp"].as_i64().filter(|exp| *exp <= now.seconds()) {
        let (at, until) = (now.seconds(), expires);
        return Err(Refusal::new(
            "ExpiredTokenException",
            format!(
                "Token expired: current date/time {at} must be before the expiration date/time {until}"
            ),
        ));
    }
    let issuer = text("iss")?;
    let provider = issuer.trim_start_matches("https://").trim_end_matches('/').to_owned();
    Ok(Claims { provider, subject: text("sub")?, audience: audience.ok_or_else(refused)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_come_out_of_a_token_until_it_ends() {
        let payload = r#"{"iss":"https://id.example/","sub":"me","aud":["a","b"],"exp":10}"#;
        let token = format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(payload));
        let claims = read(&token, Millis(9_999)).unwrap();
        assert_eq!(claims.provider, "id.example");
        assert_eq!((claims.subject.as_str(), claims.audience.as_str()), ("me", "a"));
        assert_eq!(read(&token, Millis(10_000)).err().unwrap().code, "ExpiredTokenException");
        assert_eq!(read("a.b", Millis(0)).err().unwrap().code, "InvalidIdentityToken");
    }
}
