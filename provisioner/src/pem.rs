//! DER as text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// RFC 7468: lines of 64 characters between two labels.
pub(crate) fn encode(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .filter_map(|line| std::str::from_utf8(line).ok())
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}

#[cfg(test)]
mod tests {
    use rustls_pki_types::CertificateRevocationListDer;
    use rustls_pki_types::pem::PemObject as _;

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
