//! HTTP/1.1 as AWS's clients speak it to DynamoDB: requests with a length, and answers
//! with a checksum. No TLS, and nothing but loopback.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use crate::date;

/// More than any request of a test.
const LONGEST: usize = 32 << 20;
const HEADERS: usize = 64;

/// A request, whole.
#[derive(Debug)]
pub(crate) struct HttpRequest {
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl HttpRequest {
    /// The next one of the connection; `None` where the other side is done. `buffer`
    /// holds what was read beyond it.
    pub(crate) fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<Self>> {
        loop {
            if let Some((length, headers)) = parse_head(buffer)? {
                buffer.drain(..length);
                let body = read_body(stream, buffer, &headers)?;
                return Ok(Some(Self { headers, body }));
            }
            if fill(stream, buffer)? == 0 {
                return Ok(None);
            }
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// `UpdateTable`, of `X-Amz-Target: DynamoDB_20120810.UpdateTable`.
    pub(crate) fn operation(&self) -> &str {
        self.header("x-amz-target").and_then(|t| t.rsplit('.').next()).unwrap_or_default()
    }

    /// `Credential=KEY/20261125/eu-west-1/dynamodb/aws4_request`: key and region.
    pub(crate) fn credential(&self) -> Option<(String, String)> {
        let authorization = self.header("authorization")?;
        let scope = authorization.split("Credential=").nth(1)?.split(',').next()?;
        let mut parts = scope.trim().split('/');
        let key = parts.next()?.to_owned();
        Some((key, parts.nth(1)?.to_owned()))
    }

    /// When it was signed, in seconds since 1970.
    pub(crate) fn signed_at(&self) -> Option<i64> {
        date::of_signature(self.header("x-amz-date")?)
    }
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}

/// The length of the head in `buffer` and its headers, once it is whole.
#[expect(clippy::type_complexity, reason = "a length and some pairs")]
fn parse_head(buffer: &[u8]) -> io::Result<Option<(usize, Vec<(String, String)>)>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let parsed =
        request.parse(buffer).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
    let httparse::Status::Complete(length) = parsed else { return Ok(None) };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let pairs = request.headers.iter().map(|h| (h.name.to_owned(), text(h.value))).collect();
    Ok(Some((length, pairs)))
}

fn read_body(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
    headers: &[(String, String)],
) -> io::Result<Vec<u8>> {
    let length = header(headers, "content-length").and_then(|value| value.parse().ok());
    let length: usize = length.unwrap_or(0);
    if length > LONGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    while buffer.len() < length {
        if fill(stream, buffer)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(buffer.drain(..length).collect())
}

fn fill(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<usize> {
    let mut chunk = [0; 8192];
    let read = stream.read(&mut chunk)?;
    buffer.extend_from_slice(&chunk[..read]);
    Ok(read)
}

/// Writes an answer as DynamoDB does; `now` is its clock, which clients with a skewed one
/// correct theirs by.
pub(crate) fn write(stream: &mut TcpStream, status: u16, body: &Value, now: i64) -> io::Result<()> {
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status} {}\r\nServer: Server\r\nDate: {}\r\n\
         Content-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\n\
         x-amzn-RequestId: FAKE0000000000000000000000000000000000000000000000AAAA\r\n\
         x-amz-crc32: {}\r\n\r\n",
        if status == 200 { "OK" } else { "Refused" },
        date::of_http(now),
        body.len(),
        crc32fast::hash(body.as_bytes()),
    );
    stream.write_all(&[head.as_bytes(), body.as_bytes()].concat())
}
