#!/bin/sh
# Is the new version up and well? Ask it, for at most ten seconds.
exec python3 - <<'PYTHON'
import json, socket, sys, time, urllib.error, urllib.request

url = "http://%s:8080/health" % socket.gethostbyname(socket.gethostname())
deadline = time.time() + 10
while True:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            print("healthy:", json.load(answer))
            sys.exit(0)
    except urllib.error.HTTPError as error:
        print("not healthy: GET %s answered %d %s" % (url, error.code, error.read().decode()))
        sys.exit(1)
    except OSError as error:
        if time.time() > deadline:
            print("no answer from %s: %s" % (url, error))
            sys.exit(1)
        time.sleep(0.1)
PYTHON
