"""Login, sessions, and uploads with a progress bar. Run it with `python examples/gallery.py`.

Sign in with any name and the password of `$GALLERY_PASSWORD` (default: `let me in`). A guard sends everybody else to the
login page. Pictures are kept in a folder of their own, under names that we choose, and served only to those signed in.
The pictures on the page are a region: who is looking sees what others upload, and after `Sign out` nothing more.
"""
import hmac
import os
from pathlib import Path
from time import time_ns
from uuid import uuid4

from starlette.datastructures import UploadFile
from starlette.responses import FileResponse, Response

from fasthtml.common import *
from fasthtml.http.security import local_target
from fasthtml.pico import Card, Group, picolink

FOLDER = Path(os.environ.get('GALLERY_FOLDER', 'pictures'))
PASSWORD = os.environ.get('GALLERY_PASSWORD', 'let me in')
KINDS = {b'\x89PNG': '.png', b'\xff\xd8\xff': '.jpg', b'GIF8': '.gif', b'RIFF': '.webp'}  # how such files begin


def guard(req, session):
    "Runs before every handler: a visitor who has not signed in goes to the login page, and comes back after it"
    if 'user' not in session:
        return Redirect(login.to(next=req.url.path))
    req.scope['auth'] = session['user']


css = Style('''
main.container {max-width: 60rem; padding: 1rem}
.bar, .bar > div {display: flex; justify-content: space-between; align-items: center; gap: 1rem}
.bar {margin-bottom: 1.5rem} .bar form, .bar button, .bar h1 {margin: 0; white-space: nowrap}
.pictures {display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: 1rem}
.pictures figure {margin: 0} .pictures img {width: 100%; aspect-ratio: 1; object-fit: cover; border-radius: .5rem}
.error {color: var(--pico-del-color)} main.login {max-width: 24rem; margin: 10vh auto}
''')
app, rt = fast_app(hdrs=(picolink, css), pico=False, title='Gallery', assets=os.environ.get('ASSETS', 'cdn'),
                   before=Beforeware(guard, skip=['/login', r'/_assets/.*']), max_body_size=20 * 2**20)
setup_toasts(app)


def login_form(next='/', error=None):
    return Main(Card(
        Form(Label('Name', Input(id='name', required=True, maxlength=40, autocomplete='username')),
             Label('Password', Input(id='password', type='password', required=True, autocomplete='current-password')),
             Hidden(next, id='next'), P(error, cls='error', role='alert') if error else None, Button('Sign in'),
             method='post', action='/login'),
        header=H2('Gallery')), cls='container login')


@app.get('/login')
def login(next: str = '/'):
    return Title('Sign in'), login_form(next)


@app.post('/login')
def sign_in(name: str, password: str, session, next: str = '/'):
    if not hmac.compare_digest(password.encode(), PASSWORD.encode()):
        return FtResponse((Title('Sign in'), login_form(next, 'That is not the password.')), 403)
    session['user'] = name[:40]
    add_toast(session, f'Welcome, {name[:40]}', 'success')
    return Redirect(local_target(next.partition('?')[0]))   # a path alone: it fills no parameters of a handler


@app.post('/logout')
async def sign_out(session, auth):
    session.clear()
    await app.forget(auth)   # in every window
    return Redirect(login)


def names():
    "Of the pictures, newest first"
    return sorted((path.name for path in FOLDER.glob('*.*')), reverse=True)


@app.live
def pictures():
    shown = [Figure(Img(src=f'/pictures/{name}', alt='An uploaded picture', loading='lazy')) for name in names()]
    return Div(shown or P('No pictures yet.'), cls='pictures')


@app.get('/')
def home(auth):
    choose = Input(type='file', name='files', multiple=True, accept='image/*', required=True, aria_label='Pictures')
    upload = Form(Group(choose, Button('Upload')), Progress(id='uploadprog', value=0, max=100),
                  hx_post='/upload', hx_swap='none', **upload_pb_attrs())
    leave = Form(Button('Sign out', cls='secondary outline'), method='post', action='/logout')
    return Title('Gallery'), Main(Div(H1('Gallery'), Div(Small(f'Signed in as {auth}'), leave), cls='bar'),
                                  Offline(), upload, pictures(), cls='container')


@app.post('/upload')
def upload(files: list[UploadFile], session):
    FOLDER.mkdir(exist_ok=True)
    saved = 0
    for file in files:
        content = file.file.read()
        ending = next((ending for start, ending in KINDS.items() if content.startswith(start)), None)
        if not ending:
            add_toast(session, f'{file.filename} is not a picture of a kind we know.', 'error')
            continue
        (FOLDER/f'{time_ns()}-{uuid4().hex}{ending}').write_bytes(content)
        saved += 1
    if saved:
        add_toast(session, f'{saved} saved', 'success')
        pictures.changed_sync()


@app.get('/pictures/{name}')
def original(name: str):
    "Only names that we gave out: never a path from the request"
    if name not in names():
        return Response('No such picture', 404)
    return FileResponse(FOLDER/name, headers={'Cache-Control': 'private, max-age=86400', 'X-Content-Type-Options': 'nosniff'})


if __name__ == '__main__':
    serve()
