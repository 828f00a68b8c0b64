"The app of the home page in Chromium; `WRITE_PICTURES=1` writes its picture, nbs/images/greeter.png, again"
import json
import os

from support import ROOT, serve

PICTURE = ROOT/'nbs'/'images'/'greeter.png'


def program() -> dict:
    "What the cells of nbs/index.ipynb define, up to the app in eight lines"
    cells = json.loads((ROOT/'nbs'/'index.ipynb').read_text(encoding='utf-8'))['cells']
    sources = [''.join(cell['source']) for cell in cells if cell['cell_type'] == 'code'][:2]
    defined = {}
    exec('\n'.join(sources), defined)
    return defined


def test_the_app_in_eight_lines_greets(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with serve(program()['app']) as server:
        page.set_viewport_size({'width': 640, 'height': 270})
        page.goto(server.url)
        page.fill('[name=who]', 'Ada')
        page.click('button')
        page.wait_for_selector('#reply:has-text("Hello, Ada!")')
        if os.environ.get('WRITE_PICTURES'):
            PICTURE.parent.mkdir(exist_ok=True)
            page.screenshot(path=PICTURE)
    assert PICTURE.read_bytes().startswith(b'\x89PNG')
    assert not page.problems
