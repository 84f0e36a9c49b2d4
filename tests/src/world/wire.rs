//! Responses as a client sees them while they arrive: cut off anywhere.

/// A response, as far as it has arrived.
pub(super) struct Response {
    pub(super) status: u16,
    /// The fields, with names in lower case.
    fields: Vec<(String, String)>,
    pub(super) body: String,
    pub(super) is_complete: bool,
}

impl Response {
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let field = self.fields.iter().find(|(other, _)| other == name);
        field.map(|(_, value)| &**value)
    }

    pub(super) fn is_stream(&self) -> bool {
        self.field("content-type") == Some("text/event-stream")
    }
}

/// The responses whose heads have arrived.
pub(super) fn read_responses(bytes: &[u8]) -> Vec<Response> {
    // We send ASCII only.
    let mut rest = std::str::from_utf8(bytes).expect("ASCII");
    let mut responses = Vec::new();
    while let Some((head, behind)) = rest.split_once("\r\n\r\n") {
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let fields = lines.map(|line| {
            let (name, value) = line.split_once(": ").expect("a field");
            (name.to_lowercase(), value.to_owned())
        });
        let mut response = Response {
            status: status.expect("a status"),
            fields: fields.collect(),
            body: String::new(),
            is_complete: false,
        };
        let length = response.field("content-length").map(|length| length.parse().expect("digits"));
        rest = match length {
            None if response.status == 204 => behind,
            None => match read_chunks(behind, &mut response.body) {
                Some(rest) => rest,
                None => {
                    responses.push(response);
                    break;
                }
            },
            Some(length) if behind.len() < length => {
                responses.push(response);
                break;
            }
            Some(length) => {
                let (body, rest) = behind.split_at(length);
                response.body.push_str(body);
                rest
            }
        };
        response.is_complete = true;
        responses.push(response);
    }
    responses
}

/// Appends what has arrived of a chunked body, and returns what is behind it if it is complete.
fn read_chunks<'a>(mut rest: &'a str, body: &mut String) -> Option<&'a str> {
    loop {
        let (size, behind) = rest.split_once("\r\n")?;
        let size = usize::from_str_radix(size, 16).expect("the size of a chunk");
        let chunk = behind.get(..size + 2)?;
        assert!(chunk.ends_with("\r\n"), "a chunk is longer than its size");
        rest = &behind[size + 2..];
        if size == 0 {
            return Some(rest);
        }
        body.push_str(&chunk[..size]);
    }
}
