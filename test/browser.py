"""A browser without a screen, driven by its own debugging protocol: what a page says, and how it looks."""

import base64
import itertools
import json
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path

import cv2
import numpy as np
import pytest

_NAMES = ('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable')


def find_chromium():
    """Path of a Chromium; the test is skipped where there is none."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.skip(f'no browser: none of {", ".join(_NAMES)} is installed')
    return found


class Browser:
    """Chromium with one page."""

    def __init__(self, folder, width=1280, height=760):
        command = [find_chromium(), '--headless=new', '--no-sandbox', '--disable-dev-shm-usage', '--no-first-run',
                   '--use-angle=swiftshader', '--enable-unsafe-swiftshader', f'--window-size={width},{height}',
                   '--hide-scrollbars', '--remote-debugging-port=0', f'--user-data-dir={folder}', 'about:blank']
        Path(folder).mkdir(exist_ok=True)
        self._log = Path(folder, 'chromium.log')
        with self._log.open('wb') as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        self._numbers = itertools.count(1)
        port_file = Path(folder, 'DevToolsActivePort')
        assert wait_until(lambda: port_file.exists() and '\n' in port_file.read_text()), self._log.read_text()
        port = port_file.read_text().splitlines()[0]
        with urllib.request.urlopen(f'http://127.0.0.1:{port}/json') as answer:
            page = next(one for one in json.load(answer) if one['type'] == 'page')
        from websockets.sync.client import connect
        self._socket = connect(page['webSocketDebuggerUrl'], max_size=None)
        self._call('Emulation.setDeviceMetricsOverride', width=width, height=height, deviceScaleFactor=1, mobile=False)

    def _call(self, method, **parameters):
        number = next(self._numbers)
        self._socket.send(json.dumps({'id': number, 'method': method, 'params': parameters}))
        while True:
            answer = json.loads(self._socket.recv(timeout=120))
            if answer.get('id') == number:
                assert 'error' not in answer, answer
                return answer['result']

    def open(self, address):
        """Go to an address."""
        self._call('Page.navigate', url=address)

    def text(self):
        """The words on the page."""
        return self._call('Runtime.evaluate', expression='document.body.innerText')['result'].get('value', '')

    def click_checkbox(self, label):
        """Click on the checkbox in the row with this label."""
        self._call('Runtime.evaluate', expression=f"""
            [...document.querySelectorAll('label, div, span')]
                .filter(element => element.innerText.trim() === {json.dumps(label)}
                                   && element.parentElement.parentElement.querySelector('input[type=checkbox]'))
                .at(-1).parentElement.parentElement.querySelector('input[type=checkbox]').click()""")

    def screenshot(self):
        """(H, W, 3) uint8 RGB."""
        png = base64.b64decode(self._call('Page.captureScreenshot', format='png')['data'])
        return cv2.cvtColor(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)

    def close(self):
        """End the browser."""
        self._socket.close()
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()


def wait_until(condition, timeout=60.0):
    """Whether it came true in time."""
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True
