"The app of the home page in Chromium; `WRITE_PICTURES=1` writes its picture, nbs/images/guests.png, again"
import json
import os

from support import ROOT, serve

PICTURE = ROOT/'nbs'/'images'/'guests.png'
WINDOWS = """<style>body { margin: 8px; display: flex; gap: 12px; background: #ccd3dd }
iframe { flex: 1; height: 284px; border: 0; background: #fff }</style>
<iframe src="{0}"></iframe><iframe src="{0}"></iframe>"""


def program() -> dict:
    "What the first cells of nbs/index.ipynb define"
    cells = json.loads((ROOT/'nbs'/'index.ipynb').read_text(encoding='utf-8'))['cells']
    sources = [''.join(cell['source']) for cell in cells if cell['cell_type'] == 'code'][:2]
    defined = {}
    exec('\n'.join(sources), defined)
    return defined


def test_what_is_entered_in_one_window_of_the_first_app_is_in_the_other(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with serve(program()['app']) as server:
        page.set_viewport_size({'width': 760, 'height': 300})
        page.set_content(WINDOWS.replace('{0}', server.url))
        one, other = (page.frame_locator('iframe').nth(n) for n in range(2))
        for window in one, other: window.locator('html[data-live=true]').wait_for(state='attached')
        one.locator('[name=who]').fill('Grace')
        one.locator('button').click()
        for window in one, other: window.locator('li:has-text("Grace")').wait_for()
        if os.environ.get('WRITE_PICTURES'): page.screenshot(path=PICTURE)
    assert PICTURE.read_bytes().startswith(b'\x89PNG')
    assert not page.problems
