"""What servers stumble over: values for fields and headers, documents, addresses, versions and chunks."""

HUGE = "9" * 4400  # more digits than Python reads

# As text would be sent: bytes, for not all of it is text.
VALUES = [value if isinstance(value, bytes) else value.encode() for value in (
    "", " ", "\0", "a\0b", b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf0\x9f", b"\xf4\x90\x80\x80", "\ufeff",
    "\uffff", "\u202egnp", "\u2028", "\x7f", "\x1b[2J", "a\u0301" * 500, "👩‍👩‍👧‍👦" * 50, "\r\nX-Injected: 1",
    "\nSet-Cookie: a=b", str(2**31), str(2**63 - 1), str(2**63), str(2**64), "-1", "-" + str(2**63), "0", "00", "1e999",
    "NaN", "Infinity", "-inf", "0x10", "1_000", "+5", "1.5", "1,5", "1.000,00", ".", "%", HUGE, "-" + HUGE, "0." + HUGE,
    "１２３", "٣", "²", "½", "一", "2026-02-30", "0000-00-00", "0001-01-01", "9999-12-31", "99999-01-01", "-1-01-01",
    "2026-12-01T25:61", "2026-12-01T12:00+99:99", "24:00", "25:00", "00:00:60", "Asia/Shanghai\0", "../UTC",
    "/etc/localtime", "localtime", "XXX", "ZZZ", "not-a-kind", "nobody", "@", "a@b", "a@" + "b." * 130 + "c",
    "é@ß.example", "a@xn--a.example", '"a b"@c.d', "<script>alert(1)</script>", "{{7*7}}", "${7*7}", "%s%s%n", "%(x)s",
    "' OR 1=1 --", "\\", "'\"", "../../../../etc/passwd", "..%2f", "//evil.example", "/\\evil.example", "http://[::1",
    "javascript:1", "x" * 20_000, "on", "true", "null", "[]", "{}", "0" * 32, "00000000-0000-0000-0000-000000000000",
    "link", "disable", "enable", "close", "reopen", "out", "redeemed", "sold_out", "-", "addresses", "groups",
    "customers", "all")]
TYPES = (
    b"application/x-www-form-urlencoded; charset=utf-7", b"multipart/form-data", b"multipart/form-data; boundary=",
    b"multipart/form-data; boundary=" + b"b" * 300, b"multipart/form-data; boundary=\xe9",
    b"multipart/mixed; boundary=b", b"application/json", b"application/json; charset=utf-16", b"text/plain",
    b"text/xml", b";;;", b"\xff", b"a/b; c*=d''%")
DEEP = b"[" * 30_000
DOCUMENTS = (
    DEEP, DEEP + b"]" * 30_000, b"{" * 500, b'{"endpoint": 1}', b"null", b"NaN", b'{"endpoint": NaN}', b'"\\ud800"',
    b'{"endpoint": "https://fcm.googleapis.com/\\ud800"}', b"\xff\xfe", b"\xff\xfe{\0}\0", b"1" + b"0" * 5000, b"",
    b'{"endpoint": "https://fcm.googleapis.com:99999/a"}', b'{"endpoint": "https://[::1"}', b"[1]", b"-", b"1e999",
    b'{"endpoint": "https://fcm.googleapis.com/\\u0000"}', b'{"a": 1, "a": 2}', b"{'a': 1}")
HEADERS: dict[bytes, tuple[bytes, ...]] = {
    b"Host": (
        b"", b"evil.example", b"[::1", b"[::1]:99999", b"a..b", b"xn--a", b"a@b", b"a/b", b"\xe4\xbd\xa0.example",
        b"x" * 300, b"a:b:c", b"%31", b"127.0.0.1:0", b"localhost, evil.example"),
    b"Accept": (
        b"*/*;q=nan", b"application/json", b",,,", b"text/html;q=-1", b"a/b/c", b"\xff", b"application/json;q=1e9"),
    b"Accept-Language": (b"zh-CN;q=nan", b"zh\xe9", b"*", b"-", b"zh-" * 2000, b"en;q=0, zh;q=0", b"x-klingon"),
    b"Accept-Encoding": (b"br;q=nan", b"gzip;q=-1", b"\xff", b"identity;q=0, *;q=0"),
    b"Cookie": (
        b"quanbao=", b"quanbao=a.b.c", b"quanbao=.eJw", b"quanbao=\xff", b"=;=", b'quanbao="\\400"',
        b"quanbao=" + b"." * 9000, b"__Host-quanbao=x", b"a=" + b"b" * 20_000, b";" * 5000),
    b"If-None-Match": (b"*", b'"', b'W/"\xff"', b'"a",' * 2000),
    b"If-Match": (b"*", b'"a"'),
    b"If-Modified-Since": (
        b"Sat, 99 Foo 99999 99:99:99 GMT", b"Mon, 01 Jan 0001 00:00:00 GMT", b"0", b"\xff", b"1" * 5000),
    b"Range": (b"bytes=0-0", b"bytes=9-1", b"bytes=-0", b"bytes=" + b"0-," * 1000, b"bytes=0-" + b"9" * 4400, b"x"),
    b"If-Range": (b"x", b"Sat, 99 Foo 99999 99:99:99 GMT"),
    b"Expect": (b"100-continue", b"x"),
    b"Upgrade": (b"websocket", b"h2c"),
    b"Connection": (b"upgrade", b"\xff", b"Host", b"TE, x"),
    b"TE": (b"trailers", b"\xff"),
    b"HX-Request": (b"true", b"false"),
    b"HX-Current-URL": (b"http://[::1", b"\xff", b"%ff"),
    b"HX-Target": (b"\xff", b"%ed%a0%80"),
    b"HX-Current-URL-URI-AutoEncoded": (b"true",),
    b"HX-Prompt": (b"%00", b"\xff"),
    b"HX-History-Restore-Request": (b"true", b"x"),
    b"Sec-Fetch-Site": (b"none", b"cross-site", b"\xff", b""),
    b"Origin": (b"null", b"http://[::1", b"\xff", b"https://evil.example"),
    b"Referer": (b"http://[::1", b"\xff"),
    b"User-Agent": (b"", b"\xff" * 500, b"MicroMessenger" * 300),
    b"X-Forwarded-For": (
        b"", b"\xff", b"a, b", b"::ffff:1.2.3.4", b"fe80::1%eth0", b"1.2.3.4, " * 500, b"[::1]:80", b"1" * 5000),
    b"X-Forwarded-Host": (b"[::1", b"", b"\xff", b"a b", b"evil.example"),
    b"X-Forwarded-Proto": (b"javascript", b"", b"\xff", b"https"),
    b"X-Forwarded-Port": (b"99999", b"x"),
    b"X-Forwarded-Prefix": (b"//evil.example", b"/\xff"),
    b"Forwarded": (b'for="', b"host=x;;"),
    b"X-HTTP-Method-Override": (b"DELETE",),
    b"Authorization": (b"Basic \xff", b"Bearer", b"Basic Og==", b"x" * 5000),
    b"Content-Encoding": (b"gzip", b"x"),
    b"Content-Range": (b"bytes 0-1/2",),
    b"Trailer": (b"Host",),
    b"Max-Forwards": (b"x",),
    b"Content_Length": (b"5",),
    b"X-\xc3\xa9": (b"1",),
    b"A" * 3000: (b"1",),
}
METHODS = (
    b"GET", b"POST", b"HEAD", b"OPTIONS", b"PUT", b"PATCH", b"DELETE", b"TRACE", b"get", b"PROPFIND", b"X" * 40)
PATHS = (
    b"//evil.example", b"/..", b"/%2e%2e/%2e%2e", b"/%00", b"/%ff", b"/%", b"/%zz", b"/static/x/../../config.py",
    b"/;a=b", b"/wallet/", b"//wallet", b"/\xff", b"/?%", b"/?\xff", b"/?=&&=", b"/?" + b"a=b&" * 4000, b"/#x",
    b"http://127.0.0.1/wallet", b"http://evil.example/sign-in", b"/sign-in?next=%0d%0aX-Injected:1",
    b"/" + b"a/" * 3000, b"/static/%00/app.css")
VERSIONS = (
    b"HTTP/1.0", b"HTTP/0.9", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/11", b"http/1.1", b"", b"HTTP/1.1 x")
CHUNKS = (
    b"5\r\nhello\r\n", b"-1\r\n\r\n", b"ffffffffffffffffff\r\n", b"0x5\r\nhello\r\n0\r\n\r\n",
    b"5;" + b"x" * 40_000 + b"\r\nhello\r\n0\r\n\r\n",
    b"5\nhello\n0\n\n", b"5\r\nhelloo\r\n0\r\n\r\n", b"g\r\n",
    b"\r\n", b"0\r\n" + b"X: y\r\n" * 3000 + b"\r\n", b"1\r\na\r\n" * 3000)
LENGTHS = (b"-1", b"+5", b"0x5", b"5, 5", b"5,6", b"1" * 40, b"\xff", b"", b"5 5", b"1e1")
FILENAMES = (b"a.png", b"", b"\0", b"../a", b"\xff", b"a" * 3000)
PARTS = (
    b"\r\n", b"x", b"\0" * 500, b": \r\n\r\n", b"A: b\r\n" * 2000 + b"\r\n", b'Content-Disposition: form-data; name="a',
    b"Content-Disposition: form-data\r\n\r\nx", b"Content-Disposition: form-data; name=\xff\r\n\r\n",
    b"Content-Disposition: form-data; name*=utf-8''%ff\r\n\r\nx",
    b"Content-Disposition: form-data; name*=idna''a\r\n\r\nx",
    b'Content-Type: text/plain; charset=undefined\r\nContent-Disposition: form-data; name="email"\r\n\r\nx',
    b'Content-Transfer-Encoding: base64\r\nContent-Disposition: form-data; name="email"\r\n\r\n!',
    b'Content-Disposition: form-data; name="a"\r\n\r\n\r\n--b' * 1500)
