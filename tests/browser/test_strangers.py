"""What others write and other web pages do: in a real browser, which has opened the console."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from playwright.sync_api import BrowserContext, expect

from cli.console.server import Console
from functions.core.records import Diagnostics
from functions.core.statuses import DeploymentStatus, LifecycleErrorCode
from tests.browser import fleet
from tests.browser.conftest import Tab
from tests.browser.fleet import ID, F, W
from tests.cli.conftest import launched
from tests.cli.deploying import put_deployment, put_target
from tests.hostile import MARKUP, TEXT
from tests.served import Served

BAD = (MARKUP + TEXT).replace("\x00", "")


def test_what_hosts_revisions_and_people_write_is_never_run(tab: Tab) -> None:
    fleet.groups()
    (host,) = launched(MARKUP)
    left = Diagnostics(error_code=LifecycleErrorCode.SCRIPT_FAILED, script_name=BAD, message=BAD, log_tail=BAD)
    put_deployment(DeploymentStatus.IN_PROGRESS, description=BAD, metadata={"commit": BAD, "a": BAD}, requested_by=BAD)
    put_target(host, F, done=1, left=left)
    tab.page.on("dialog", lambda dialog: tab.said.append(f"a script ran: {dialog.message}"))
    own = f"/deployments/{ID}"
    for path in ("/", own, f"{own}/targets/{host}", f"{own}/targets/{host}/log"):
        page = tab.open(path)
        expect(page.locator("main")).to_contain_text("alert(1)" if path != "/" else "shop/web")
        assert page.locator("main script, main img").count() == 0
    tab.page.keyboard.press("Tab")


@contextmanager
def other_page(html: str) -> Iterator[str]:
    """A web page of another server of this machine, with which the console's cookie is shared."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, format: str, *arguments: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


TRIES = """async address => {
  const tries = { read: {}, send: { mode: "no-cors", method: "POST", body: "session=x" } };
  const found = {};
  for (const [name, how] of Object.entries(tries)) {
    try { found[name] = (await fetch(address, { credentials: "include", ...how })).type; }
    catch { found[name] = "refused"; }
  }
  const loaded = element => new Promise(done => {
    element.onload = () => done("loaded");
    element.onerror = () => done("refused");
    document.body.append(element);
  });
  const script = Object.assign(document.createElement("script"), { src: `${address}assets/console.js` });
  found.script = await loaded(script);
  const frame = Object.assign(document.createElement("iframe"), { src: address });
  await loaded(frame);
  try { found.frame = frame.contentDocument ? "read" : "closed"; } catch { found.frame = "closed"; }
  return found;
}"""


def test_another_page_can_neither_read_nor_change_anything(
    tab: Tab, context: BrowserContext, engine: Served, console: Console
) -> None:
    fleet.deploying(W)
    tab.open("/")
    tab.page.close()
    asked = len(engine.asked)
    with other_page("<title>other</title><p>other</p>") as address:
        page = context.new_page()
        page.goto(address)
        assert page.evaluate(TRIES, f"{tab.address}/") == {
            "read": "refused",
            "send": "refused",
            "script": "refused",
            "frame": "closed",
        }
    assert "GetDeployment" not in engine.asked[asked:]
