//! DER as text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Characters of a line (RFC 7468 §2).
const LINE: usize = 64;

/// PEM (RFC 7468): `der` in base64 between two lines with `label`, for example `CERTIFICATE` or `X509 CRL`.
pub fn encode(label: &str, der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text + "-----END " + label + "-----\n"
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::CertificateRevocationListDer;
    use rustls::pki_types::pem::PemObject;

    #[test]
    fn it_reads_back() {
        for length in [0, 1, 47, 48, 49, 1_000] {
            let der = vec![7; length];
            let text = super::encode("X509 CRL", &der);
            let read = CertificateRevocationListDer::from_pem_slice(text.as_bytes()).unwrap();
            assert_eq!(read.as_ref(), der);
            assert!(text.lines().all(|line| line.len() <= 64), "{text}");
        }
    }
}
