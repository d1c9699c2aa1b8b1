"""A served page is for whoever has its token, at the host names it was started for; its WebSocket too."""

import asyncio
import http.client
import re

import panel as pn
import pytest
from bokeh.util.token import generate_jwt_token, generate_session_id
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from diffuse_ui.access import NO_TOKEN, WRONG_HOST, TokenAuth, host_of
from diffuse_ui.serving import HOST, Served, free_port, page_of, serve, wait_until_it_listens
from diffuse_ui.state.look import Look

TOKEN = "let-me-in"
HUB = "https://hub.example.org"
UPGRADE = {
    **{"Connection": "Upgrade", "Upgrade": "websocket"},
    **{"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "13"},
}


def small_page():
    return page_of(pn.pane.Str("a page"), Look())


@pytest.fixture(scope="module")
def port():
    port = free_port()
    server = serve(small_page, port=port, threaded=True, token=TOKEN, allow_origin=[HUB])
    wait_until_it_listens(port)
    yield port
    server.stop()


def get(port, path="/", **headers):
    """Status, reason, text and cookie of an answer."""
    connection = http.client.HTTPConnection(HOST, port, timeout=20)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    text, cookie = answer.read().decode(), answer.headers.get("Set-Cookie", "")
    connection.close()
    return answer.status, answer.reason, text, cookie


def first_message(port, session, path="/ws", **headers):
    """What a WebSocket of that session token hears first; None if it is closed."""

    async def listen():
        request = HTTPRequest(f"ws://{HOST}:{port}{path}", headers=headers)
        socket = await websocket_connect(request, subprotocols=["bokeh", session])
        message = heard = await socket.read_message()
        socket.close()
        while heard is not None:
            heard = await socket.read_message()
        return message

    return asyncio.run(listen())


def test_a_page_opens_with_the_token_and_then_with_its_cookie(port):
    for path in ("/", "/?token=", "/?token=guessed", "/autoload.js?bokeh-autoload-element=1", "/metadata"):
        assert get(port, path)[:2] == (403, NO_TOKEN), path
    status, _, _, cookie = get(port, f"/?token={TOKEN}&model=lorenz63")
    assert status == 200
    assert f"diffuse-ui-{port}=" in cookie
    assert TOKEN not in cookie
    assert {"HttpOnly", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "Path" not in cookie  # a hub has other users below other paths
    assert get(port, Cookie=cookie.split("; ")[0])[0] == 200
    assert get(port, Cookie=f"diffuse-ui-{port}=user")[0] == 403


def test_other_host_names_are_refused(port):
    for host, status in ((f"localhost:{port}", 200), ("hub.example.org", 200), ("evil.example.org", 403)):
        assert get(port, f"/?token={TOKEN}", Host=host)[0] == status, host
    assert get(port, f"/?token={TOKEN}", Host=f"evil.example.org:{port}")[1] == WRONG_HOST


def test_a_websocket_needs_a_session_of_a_page_that_was_let_in(port):
    own = re.search(r'"token":"([\w.-]+)"', get(port, f"/?token={TOKEN}")[2]).group(1)
    assert '"msgtype": "ACK"' in first_message(port, own)
    assert '"msgtype": "ACK"' in first_message(port, own, Host="hub.example.org", Origin=HUB)
    for host in ({"Origin": "https://evil.example.org"}, {"Host": "evil.example.org"}):
        assert get(port, "/ws", **UPGRADE, **host)[0] == 403
    forged = generate_jwt_token(generate_session_id())
    assert first_message(port, forged) is None
    assert first_message(port, forged, path=f"/ws?token={TOKEN}") is None


def test_without_a_token_the_host_name_is_checked_all_the_same():
    port = free_port()
    server = serve(small_page, port=port, threaded=True)
    wait_until_it_listens(port)
    assert get(port)[0] == 200
    assert get(port, Host="evil.example.org")[0] == 403
    server.stop()


def test_a_frame_of_a_notebook_has_the_token_in_its_address():
    class Small(Served):
        def page(self):
            return small_page()

    piece = Small()
    address = re.search('src="(.*?)"', piece._repr_mimebundle_()["text/html"]).group(1)
    base = f"http://{HOST}:{piece._port}"
    assert get(piece._port)[0] == 403
    assert get(piece._port, address.removeprefix(base))[0] == 200
    piece.stop_serving()


def test_the_token_on_a_browsers_command_line_opens_once():
    auth = TokenAuth("printed", once="opened")
    assert [auth._is_token(given) for given in ("opened", "opened", "printed", "printed", "é", "")] == [
        *(True, False, True, True, False, False)
    ]


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://hub.example.org", "hub.example.org"),
        ("https://Hub.example.org:443/", "hub.example.org"),
        ("http://localhost:8000", "localhost:8000"),
        ("hub.example.org:8443", "hub.example.org:8443"),
    ],
)
def test_an_origin_is_a_host(origin, host):
    assert host_of(origin) == host


@pytest.mark.parametrize(
    "origin", ["", "*", "https://*.example.org", "https://hub.example.org/user/me", "a@b"]
)
def test_what_is_no_origin_is_refused(origin):
    with pytest.raises(ValueError, match="--allow-origin must be an address such as"):
        host_of(origin)
