"""Login, sessions, and uploads with a progress bar. Run it with `python examples/gallery.py`.

Sign in with any name and the password of `$GALLERY_PASSWORD` (default: `let me in`). A guard sends everybody else to the
login page. Pictures are kept in a folder of their own, under names that we choose, and served only to those signed in.
"""
import hmac
import os
from pathlib import Path
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
main {max-width: 60rem} .bar, .bar > div {display: flex; justify-content: space-between; align-items: center; gap: 1rem}
.bar {margin-bottom: 1.5rem} .bar form, .bar button, .bar h1 {margin: 0; white-space: nowrap}
.grid-pictures {display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: 1rem}
.grid-pictures figure {margin: 0} .grid-pictures img {width: 100%; aspect-ratio: 1; object-fit: cover; border-radius: .5rem}
.error {color: var(--pico-del-color)} .login {max-width: 24rem; margin: 10vh auto}
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
    return Title('Sign in'), login_form(local_target(next))


@app.post('/login')
def sign_in(name: str, password: str, session, next: str = '/'):
    if not hmac.compare_digest(password.encode(), PASSWORD.encode()):
        return FtResponse((Title('Sign in'), login_form(local_target(next), 'That is not the password.')), 403)
    session['user'] = name[:40]
    add_toast(session, f'Welcome, {name[:40]}', 'success')
    return Redirect(local_target(next))


@app.post('/logout')
def sign_out(session):
    session.clear()
    return Redirect(login)


def picture(name):
    return Figure(Img(src=f'/pictures/{name}', alt=f'Uploaded picture {name[:8]}', loading='lazy'))


@app.get('/')
def home(auth):
    names = sorted((p.name for p in FOLDER.iterdir()), reverse=True) if FOLDER.is_dir() else []
    choose = Input(type='file', name='files', multiple=True, accept='image/*', required=True, aria_label='Pictures')
    upload = Form(Group(choose, Button('Upload')), Progress(id='uploadprog', value=0, max=100),
                  hx_post='/upload', target_id='pictures', hx_swap='afterbegin', **upload_pb_attrs())
    leave = Form(Button('Sign out', cls='secondary outline'), method='post', action='/logout')
    return Title('Gallery'), Main(Div(H1('Gallery'), Div(Small(f'Signed in as {auth}'), leave), cls='bar'),
                                  upload, Div(*map(picture, names), id='pictures', cls='grid-pictures'), cls='container')


@app.post('/upload')
def upload(files: list[UploadFile], session):
    FOLDER.mkdir(exist_ok=True)
    saved = []
    for file in files:
        content = file.file.read()
        ending = next((ending for start, ending in KINDS.items() if content.startswith(start)), None)
        if not ending:
            add_toast(session, f'{file.filename} is not a picture of a kind we know.', 'error')
            continue
        saved.append(f'{uuid4().hex}{ending}')
        (FOLDER/saved[-1]).write_bytes(content)
    if saved:
        add_toast(session, f'{len(saved)} saved', 'success')
    return [picture(name) for name in saved] or None


@app.get('/pictures/{name}')
def original(name: str):
    "Only names that we gave out: never a path that somebody made up"
    if name not in (p.name for p in FOLDER.iterdir()):
        return Response('No such picture', 404)
    return FileResponse(FOLDER/name, headers={'Cache-Control': 'private, max-age=86400', 'X-Content-Type-Options': 'nosniff'})


if __name__ == '__main__':
    serve()
