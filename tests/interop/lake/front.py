"""front.py: a proxy of ours before a REST catalog or an S3 server, which makes of a plain server a demanding or a bad one.

    with Front(target, faults=..., ...) as front: front.url

Every front hands requests on with their Host header, so that signatures stay right, and waits for the whole answer. What it can add:

    certificate=(file, key)   TLS
    faults=Faults(...)        answers that are lost or wrong, uploads that are cut
    catalog=Demands(...)      REST: tokens by client credentials that soon end, a token per table, vended keys that soon end
    keys=TemporaryKeys(...)   S3: only keys that were vended are taken, until they end; handed on under the server's own
    forget="if-none-match"    S3: a header that is taken away before the request is handed on
"""
import hashlib
import hmac
import http.client
import http.server
import json
import random
import ssl
import threading
import time
import urllib.parse

# ---- AWS Signature Version 4, from its documentation ---------------------------------------------------------------------------------------


def signature(secret, method, target, headers, signed, stamp, region):
    """`headers`: a dict in lower case; `signed`: the names that count."""
    path, _, query = target.partition("?")
    pairs = sorted(tuple((part.split("=", 1) + [""])[:2]) for part in query.split("&") if part)
    canonical = "\n".join([method, path, "&".join(f"{key}={value}" for key, value in pairs),
                           *(f"{name}:{' '.join(headers[name].split())}" for name in signed), "", ";".join(signed),
                           headers["x-amz-content-sha256"]])
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = ("AWS4" + secret).encode()
    for part in (stamp[:8], region, "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def sign_anew(access, secret, region, method, target, headers):
    """The request's own headers, under other keys."""
    signed = sorted({"host", "x-amz-date", "x-amz-content-sha256"} | {name for name in headers if name.startswith("x-amz-") or name == "if-none-match"})
    mark = signature(secret, method, target, headers, signed, headers["x-amz-date"], region)
    headers["authorization"] = (f"AWS4-HMAC-SHA256 Credential={access}/{headers['x-amz-date'][:8]}/{region}/s3/aws4_request, "
                                f"SignedHeaders={';'.join(signed)}, Signature={mark}")


def s3_error(status, code):
    return status, {"Content-Type": "application/xml"}, f"<Error><Code>{code}</Code><Message>said by the front</Message></Error>".encode()


def rest_error(status, kind, **headers):
    return status, {"Content-Type": "application/json", **headers}, json.dumps(
        {"error": {"message": "said by the front", "type": kind, "code": status}}).encode()


# ---- What a front can demand ---------------------------------------------------------------------------------------------------------------


class TemporaryKeys:
    def __init__(self, access, secret, region, seconds):
        self.own, self.region, self.seconds = (access, secret), region, seconds
        self.given, self.lock = {}, threading.Lock()
        self.used = set()

    def new(self):
        with self.lock:
            name = f"TEMPORARY{len(self.given)}"
            self.given[name] = {"secret": f"secret-of-{name}", "token": f"session-of-{name}", "end": time.time() + self.seconds}
        return {"s3.access-key-id": name, "s3.secret-access-key": self.given[name]["secret"], "s3.session-token": self.given[name]["token"],
                "s3.session-token-expires-at-ms": str(int(self.given[name]["end"] * 1000))}

    def check(self, method, target, headers):
        """None, and the request is signed anew; else an answer."""
        words = dict(part.strip().split("=", 1) for part in headers.get("authorization", "").partition(" ")[2].split(",") if "=" in part)
        name = words.get("Credential", "").split("/")[0]
        key = self.given.get(name)
        if key is None:
            return s3_error(403, "InvalidAccessKeyId")
        if time.time() > key["end"]:
            return s3_error(403, "ExpiredToken")
        if headers.get("x-amz-security-token") != key["token"]:
            return s3_error(403, "InvalidToken")
        wanted = signature(key["secret"], method, target, headers, words["SignedHeaders"].split(";"), headers["x-amz-date"], self.region)
        if not hmac.compare_digest(wanted, words["Signature"]):
            return s3_error(403, "SignatureDoesNotMatch")
        self.used.add(name)
        del headers["x-amz-security-token"]
        sign_anew(*self.own, self.region, method, target, headers)
        return None


class Demands:
    """A REST catalog that wants a token for every call, gives tokens for SECONDS to who knows id and secret, and with each table a token for
    it, which its commits must carry, and keys for its files."""

    def __init__(self, client, secret, seconds, keys=None, settings=None):
        self.client, self.secret, self.seconds, self.keys, self.settings = client, secret, seconds, keys, settings or {}
        self.tokens, self.table_tokens, self.commits = {}, {}, 0

    def check(self, method, target, headers, body):
        path = target.partition("?")[0]
        if path == "/v1/oauth/tokens":
            form = dict(urllib.parse.parse_qsl(body.decode()))
            if (form.get("client_id"), form.get("client_secret")) != (self.client, self.secret):
                return rest_error(401, "invalid_client")
            token = f"token-{len(self.tokens)}"
            self.tokens[token] = time.time() + self.seconds
            return 200, {"Content-Type": "application/json"}, json.dumps(
                {"access_token": token, "token_type": "bearer", "expires_in": self.seconds}).encode()
        token = headers.get("authorization", "").removeprefix("Bearer ")
        if method == "POST" and path in self.table_tokens and token != self.table_tokens[path]:
            return rest_error(401, "NotAuthorizedException")
        if token not in self.table_tokens.values() and self.tokens.get(token, 0) < time.time():
            return rest_error(401, "NotAuthorizedException")
        self.commits += method == "POST" and path in self.table_tokens
        return None

    def add(self, method, target, status, body):
        """What comes with a table."""
        path = target.partition("?")[0]
        if status != 200 or "/tables" not in path or not body.startswith(b'{"metadata-location"'):
            return body
        answer = json.loads(body)
        if method == "POST" and path.endswith("/tables"):
            return body  # a table that was just made is loaded again
        self.table_tokens.setdefault(path, f"of-table-{len(self.table_tokens)}")
        answer["config"] = {**answer.get("config", {}), "token": self.table_tokens[path], **self.settings}
        if self.keys is not None:
            answer["storage-credentials"] = [{"prefix": "s3://", "config": self.keys.new()}]
        return json.dumps(answer).encode()


class Faults:
    """One request in `every` meets a fault of `kinds`, chosen by a seed. `hits(method, path)`: which may be met.

    before-N, after-N   the answer is N, and nothing was done, or all
    before-drop, after-drop   the connection ends instead of an answer
    cut                 the connection ends in the middle of the body that was sent
    slow                the request waits for a second or two first

    `calm`: nothing more is met.
    """

    def __init__(self, seed, every, kinds, hits=lambda method, path: True, is_s3=False):
        self.random, self.every, self.kinds, self.hits, self.is_s3 = random.Random(seed), every, kinds, hits, is_s3
        self.lock, self.met, self.calm = threading.Lock(), {}, False

    def choose(self, method, path):
        with self.lock:
            if self.calm or not self.hits(method, path) or self.random.randrange(self.every) != 0:
                return None
            # No server answers a read with a conflict.
            kind = self.random.choice([kind for kind in self.kinds if method != "GET" or kind != "before-409"])
            self.met[kind] = self.met.get(kind, 0) + 1
            return kind

    def answer(self, code):
        if self.is_s3:
            return s3_error(code, {503: "SlowDown", 409: "ConditionalRequestConflict"}.get(code, "InternalError"))
        return rest_error(code, {409: "CommitFailedException", 429: "TooManyRequestsException"}.get(code, "InternalServerError"),
                          **({"Retry-After": "1"} if code == 429 else {}))


# ---- The proxy ---------------------------------------------------------------------------------------------------------------------------


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *unused):
        pass

    def drop(self):
        self.close_connection = True

    def answer(self, status, headers, body):
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                self.send_header(name, value)
        length = headers.get("Content-Length") if self.command == "HEAD" else len(body)
        if status != 204:
            self.send_header("Content-Length", str(length or 0))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def hand_on(self, headers, body):
        front = self.server.front
        link = http.client.HTTPConnection(front.host, timeout=60)
        try:
            link.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                if name not in ("connection", "accept-encoding"):
                    link.putheader(name, value)
            link.endheaders(body)
            answer = link.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            link.close()

    def serve(self):
        front = self.server.front
        headers = {name.lower(): value for name, value in self.headers.items()}
        length = int(headers.get("content-length", 0))
        path = self.path.partition("?")[0]
        fault = front.faults.choose(self.command, path) if front.faults else None
        if fault == "cut" and length > 1:
            self.rfile.read(length // 2)
            return self.drop()
        body = self.rfile.read(length)
        if fault == "slow":
            time.sleep(1 + len(self.path) % 2)
        refusal = front.catalog.check(self.command, self.path, headers, body) if front.catalog else None
        if front.keys and refusal is None:
            refusal = front.keys.check(self.command, self.path, headers)
        if front.forget in headers and refusal is None:
            del headers[front.forget]
            sign_anew(*front.own, self.command, self.path, headers)
        if refusal is not None:
            return self.answer(*refusal)
        if fault in ("before-drop", "cut"):
            return self.drop()
        if fault and fault.startswith("before-"):
            return self.answer(*front.faults.answer(int(fault[7:])))
        status, answered, content = self.hand_on(headers, body)
        if front.catalog:
            content = front.catalog.add(self.command, self.path, status, content)
        if fault == "after-drop":
            return self.drop()
        if fault and fault.startswith("after-"):
            return self.answer(*front.faults.answer(int(fault[6:])))
        return self.answer(status, answered, content)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = serve


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, address):
        pass  # a client that went away


class Front:
    def __init__(self, target, certificate=None, faults=None, catalog=None, keys=None, forget=None, own=None):
        """`own`: (access, secret, region) of the S3 server, where requests are signed anew."""
        self.host = target.partition("://")[2].rstrip("/")
        self.faults, self.catalog, self.keys, self.forget, self.own = faults, catalog, keys, forget, own
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.front = self
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"http{'s' if certificate else ''}://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *unused):
        self.server.shutdown()
        self.server.server_close()
