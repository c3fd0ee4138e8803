//! Packets as a client may, or may not, send them.

/// A CONNECT with every field open.
#[derive(Debug, Clone)]
pub(crate) struct Connect {
    pub(crate) client_id: String,
    pub(crate) level: u8,
    pub(crate) flags: u8,
    pub(crate) keep_alive_s: u16,
    /// Fields after the client id, each with its length.
    pub(crate) fields: Vec<Vec<u8>>,
}

impl Connect {
    /// What a satellite sends.
    pub(crate) fn new(client_id: &str) -> Self {
        Self {
            client_id: client_id.to_owned(),
            level: 4,
            flags: 0x02,
            keep_alive_s: 30,
            fields: Vec::new(),
        }
    }

    /// With a will.
    pub(crate) fn will(mut self, topic: &str, retain: bool) -> Self {
        self.flags |= 0x0c | if retain { 0x20 } else { 0 };
        self.fields = vec![topic.as_bytes().to_vec(), b"gone".to_vec()];
        self
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        field(b"MQTT", &mut body);
        body.extend_from_slice(&[self.level, self.flags]);
        body.extend_from_slice(&self.keep_alive_s.to_be_bytes());
        if self.level == 5 {
            body.push(0);
        }
        field(self.client_id.as_bytes(), &mut body);
        self.fields.iter().for_each(|bytes| field(bytes, &mut body));
        framed(0x10, &body)
    }
}

/// A PUBLISH with every field open.
#[derive(Debug, Clone)]
pub(crate) struct Publish<'a> {
    pub(crate) topic: &'a str,
    pub(crate) payload: &'a [u8],
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    pub(crate) packet_id: u16,
}

impl<'a> Publish<'a> {
    /// With QoS 1.
    pub(crate) fn new(topic: &'a str, payload: &'a [u8]) -> Self {
        Self {
            topic,
            payload,
            qos: 1,
            retain: false,
            packet_id: 11,
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        field(self.topic.as_bytes(), &mut body);
        if self.qos > 0 {
            body.extend_from_slice(&self.packet_id.to_be_bytes());
        }
        body.extend_from_slice(self.payload);
        framed(0x30 | self.qos << 1 | u8::from(self.retain), &body)
    }
}

pub(crate) fn subscribe(packet_id: u16, filters: &[(&str, u8)]) -> Vec<u8> {
    let mut body = packet_id.to_be_bytes().to_vec();
    for (filter, qos) in filters {
        field(filter.as_bytes(), &mut body);
        body.push(*qos);
    }
    framed(0x82, &body)
}

pub(crate) fn unsubscribe(packet_id: u16, filters: &[&str]) -> Vec<u8> {
    let mut body = packet_id.to_be_bytes().to_vec();
    filters
        .iter()
        .for_each(|filter| field(filter.as_bytes(), &mut body));
    framed(0xa2, &body)
}

pub(crate) fn puback(packet_id: u16) -> Vec<u8> {
    framed(0x40, &packet_id.to_be_bytes())
}

pub(crate) fn framed(first: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    let mut length = body.len();
    loop {
        let low = (length & 0x7f) as u8;
        length >>= 7;
        out.push(if length > 0 { low | 0x80 } else { low });
        if length == 0 {
            break;
        }
    }
    out.extend_from_slice(body);
    out
}

fn field(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&u16::try_from(bytes.len()).unwrap().to_be_bytes());
    out.extend_from_slice(bytes);
}
