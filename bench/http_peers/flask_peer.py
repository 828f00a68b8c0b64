"Flask (WSGI, under gunicorn): ready bytes; parameters converted by hand"
import os

from flask import Flask, request

PAGE = bytes.fromhex(os.environ.get('PAGE', ''))
app, wsgi = Flask(__name__), True


@app.get('/')
def home(): return PAGE


@app.get('/json/<int:item>')
def data(item): return {'item': item, 'n': int(request.args['n']), 'q': request.args.get('q', '')}
