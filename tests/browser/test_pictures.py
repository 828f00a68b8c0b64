"""The pictures of the documentation: each is what Chromium shows when a visitor uses an example, and is compared with what is stored.

Fonts differ between machines, so pixels are not compared: what stands on the page must be the same, in the same order, and about
as large and about in the same place. `make pictures` writes pictures and places (nbs/images) again.
"""
import asyncio
import base64
import builtins
import importlib.util
import itertools
import json
import os
import struct
import zlib
from types import SimpleNamespace

import pytest

from support import ROOT, serve

IMAGES = ROOT/'nbs'/'images'
PLACES = IMAGES/'places.json'
WRITE = bool(os.environ.get('WRITE_PICTURES'))
LARGEST = 60_000  # bytes
SEEN = """() => [...document.querySelectorAll('body *')].filter(el => !el.parentElement.closest('svg')).flatMap(el => {
  const box = el.getBoundingClientRect()
  const text = [...el.childNodes].filter(node => node.nodeType == 3).map(node => node.data.trim()).join(' ').trim()
  if (!box.width || !box.height || !(text || el.matches('input, textarea, select, progress, img, svg'))) return []
  return [[el.localName, text || el.value || el.placeholder || '', ...[box.x, box.y, box.width, box.height].map(Math.round)]]
})"""


# Chromium writes WebP, which is a third as large as a PNG of the same text
AS_WEBP = """async png => {
  const picture = await createImageBitmap(await (await fetch('data:image/png;base64,' + png)).blob())
  const canvas = document.createElement('canvas')
  Object.assign(canvas, {width: picture.width, height: picture.height}).getContext('2d', {alpha: false}).drawImage(picture, 0, 0)
  return canvas.toDataURL('image/webp', 0.9).split(',')[1]
}"""


class Quick:
    "asyncio for an example that is in a hurry"
    def __getattr__(self, name): return getattr(asyncio, name)
    async def sleep(self, seconds): await asyncio.sleep(0)


def load(name, **changes):
    "`examples/{name}.py` as a fresh module, with some names of its own"
    spec = importlib.util.spec_from_file_location(f'picture_{name}', ROOT/'examples'/f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    vars(module).update(changes)
    return module


def picture_of(red, green, blue):
    "A PNG with a gradient"
    def chunk(kind, data): return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
    rows = b''.join(b'\0' + bytes(c * (64 + 3 * y) // 255 for _ in range(64) for c in (red, green, blue)) for y in range(64))
    head = struct.pack('>IIBBBBB', 64, 64, 8, 2, 0, 0, 0)
    return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', head) + chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b'')


# One story for each picture: it makes the app, and leads the page to what the picture shows

def first_app(page, open_app, tmp_path):
    cells = json.loads((ROOT/'nbs'/'tutorials'/'01_first_app.ipynb').read_text(encoding='utf-8'))['cells']
    program = {}
    sources = [''.join(cell['source']) for cell in cells if cell['cell_type'] == 'code']
    exec('\n'.join(source for source in sources if not source.startswith('def test_')), program)
    page.goto(open_app(program['app']))
    page.fill('[name=author]', 'Emmy')
    page.fill('[name=text]', 'What is conserved?')
    page.click('button')
    page.wait_for_selector('article:has-text("What is conserved?")')


def todo(page, open_app, tmp_path):
    os.environ['TODO_DB'] = str(tmp_path/'todo.db')
    page.goto(open_app(load('todo').app))
    for text in 'Water the plants', 'Return the books', 'Call Ada':
        page.fill('#text', text)
        page.press('#text', 'Enter')
        page.wait_for_selector(f'#list li:has-text("{text}")')
    page.check('[aria-label="Done: Return the books"]')
    page.wait_for_selector('text=2 to do')


def gallery(page, open_app, tmp_path):
    os.environ['GALLERY_FOLDER'] = str(tmp_path/'pictures')
    numbers = itertools.count()
    module = load('gallery', uuid4=lambda: SimpleNamespace(hex=f'{99 - next(numbers):032}'))
    page.goto(open_app(module.app))
    page.fill('#name', 'Ada')
    page.fill('#password', 'let me in')
    page.click('text=Sign in')
    files = [{'name': f'{i}.png', 'mimeType': 'image/png', 'buffer': picture_of(*colour)}
             for i, colour in enumerate([(60, 160, 255), (90, 200, 120), (230, 190, 60), (180, 90, 220)])]
    page.set_input_files('[name=files]', files)
    page.click('text=Upload')
    page.wait_for_function("[...document.querySelectorAll('figure img')].filter(img => img.naturalWidth == 64).length == 4")
    page.goto(page.url)  # toasts are gone
    page.wait_for_function("[...document.querySelectorAll('figure img')].filter(img => img.naturalWidth == 64).length == 4")


def live(page, open_app, tmp_path):
    clock = SimpleNamespace(now=lambda: SimpleNamespace(strftime=lambda _: '12:00:00'))
    def some(*numbers): return range(1, 4) if numbers == (1, 11) else range(*numbers)  # three notifications
    module = load('live', datetime=clock, range=some, asyncio=Quick())
    module.itertools = SimpleNamespace(count=lambda *_: iter(()))  # nothing is measured
    module.samples.extend(0.5 + 0.3 * module.math.sin(i / 4) + 0.08 * module.math.sin(i * 1.7) for i in range(60))
    url = open_app(module.app)
    page.goto(url)
    page.wait_for_selector('text=notification 3 of 10')
    for text in 'Hello', 'Is anybody here?':
        page.fill('#box-text', text)
        page.press('#box-text', 'Enter')
        page.wait_for_selector(f'#messages li:has-text("{text}")')
        page.wait_for_function("document.getElementById('box-text').value == ''")
    page.click('text=Pack the parcels')
    page.wait_for_selector('text=Done: every parcel is packed.')
    page.wait_for_selector('#presence:has-text("Guest 1 here")')


def stream_text(page, open_app, tmp_path):
    page.goto(open_app(load('stream_text', asyncio=Quick()).app))
    for question in 'Something about bread', 'A poem about rain, please':
        page.fill('#question', question)
        page.press('#question', 'Enter')
        page.wait_for_selector(f'article:has-text("{question}") [data-work=done]')


def shared_list(page, open_app, tmp_path):
    module = load('shared_list')
    page.goto(open_app(module.app))
    page.fill('[name=name]', 'Ada')
    page.click('text=Go')
    page.wait_for_selector('html[data-live=true]', state='attached')
    module.items[1] = 'Bring the cups', 'Grace'
    for text in 'Bake a cake', 'Ask Alan':
        page.fill('[name=text]', text)
        page.click('text=Add')
        page.wait_for_selector(f'li:has-text("{text}")')
    page.wait_for_selector('text=Ada, 2 of these are yours')


def dashboard(page, open_app, tmp_path):
    machine = SimpleNamespace(getloadavg=lambda: (0.84,), cpu_count=lambda: 2, environ=os.environ)
    disk = SimpleNamespace(disk_usage=lambda path: (500 * 10**9, 190 * 10**9, 310 * 10**9))
    module = load('dashboard', os=machine, shutil=disk)
    module.measured.extend(0.5 + 0.3 * builtins.abs(1 - i / 30) for i in range(60))
    page.goto(open_app(module.app))
    page.wait_for_selector('html[data-live=true]', state='attached')
    page.wait_for_selector('article:has-text("Load") >> text=42%')
    page.wait_for_selector('article:has-text("Visitors") >> text=1')


STORIES = {'first_app': (first_app, 640, 720), 'live': (live, 1100, 800), 'todo': (todo, 720, 410), 'gallery': (gallery, 960, 430),
           'stream_text': (stream_text, 760, 470), 'shared_list': (shared_list, 720, 270), 'dashboard': (dashboard, 1160, 570)}


def near(stored, seen):
    "Whether a part stands about where it stood: fonts of another machine move it a little"
    return all(abs(a - b) <= 48 + 0.25 * max(a, b) for a, b in zip(stored, seen, strict=True))


@pytest.mark.parametrize('name', STORIES)
def test_a_picture_shows_what_the_example_shows(name, page, tmp_path, monkeypatch):
    story, width, height = STORIES[name]
    for variable, value in {'FASTHTML_SECRET_KEY': 'a key for pictures', 'TODO_DB': '', 'GALLERY_FOLDER': ''}.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.chdir(tmp_path)
    servers = []
    def open_app(app):
        servers.append(serve(app))
        return servers[-1].__enter__().url
    page.set_viewport_size({'width': width, 'height': height})
    page.emulate_media(reduced_motion='reduce')
    try:
        story(page, open_app, tmp_path)
        page.add_style_tag(content='progress::-webkit-progress-value { transition: none !important }')
        page.evaluate('() => { document.activeElement.blur(); scrollTo(0, 0) }')
        seen, path = page.evaluate(SEEN), IMAGES/f'{name}.webp'
        if WRITE:
            png = base64.b64encode(page.screenshot(animations='disabled')).decode()
            path.write_bytes(base64.b64decode(page.evaluate(AS_WEBP, png)))
            write_places(name, seen)
    finally:
        for server in servers: server.__exit__(None, None, None)
    again = '. If this is meant, `make pictures` writes all pictures again.'
    stored = json.loads(PLACES.read_text(encoding='utf-8')).get(name, [])
    assert [part[:2] for part in seen] == [part[:2] for part in stored], f'{name}.webp shows something else{again}'
    moved = [(old, new) for old, new in zip(stored, seen, strict=True) if not near(old[2:], new[2:])]
    assert not moved, f'In {name}.webp these parts stood elsewhere: {moved[:3]}{again}'
    data = path.read_bytes()
    size = tuple(int.from_bytes(data[i:i + 3], 'little') + 1 for i in (24, 27))  # RFC 9649, section 2.7
    assert data[8:16] == b'WEBPVP8X' and size == (width, height), f'{name}.webp has another size{again}'
    assert len(data) <= LARGEST, f'{name}.webp has {len(data)} bytes, {LARGEST} are enough'


def write_places(name, seen):
    "One line for each part"
    places = json.loads(PLACES.read_text(encoding='utf-8')) if PLACES.exists() else {}
    places[name] = seen
    lines = [f'{json.dumps(key)}: [\n' + ',\n'.join(json.dumps(part, ensure_ascii=False) for part in parts) + '\n]'
             for key, parts in sorted(places.items())]
    PLACES.write_text('{\n' + ',\n'.join(lines) + '\n}\n', encoding='utf-8')
