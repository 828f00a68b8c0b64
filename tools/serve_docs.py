"Serve the built documentation on this machine, as a host for static pages does: with its page for lost addresses."
import sys
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

SITE = Path(__file__).resolve().parent.parent/'_docs'

if __name__ == '__main__':
    port = int(sys.argv[1])
    print(f'The documentation is at http://127.0.0.1:{port}')
    uvicorn.run(Starlette(routes=[Mount('/', StaticFiles(directory=SITE, html=True))]), port=port, log_level='warning')
