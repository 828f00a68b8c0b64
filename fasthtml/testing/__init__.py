"Test clients: `from fasthtml.testing import Client`."
from .calls import Html as Html, Response as Response, StillWaiting as StillWaiting
from .client import AsyncClient as AsyncClient, Client as Client, Closed as Closed, StreamEnded as StreamEnded
from .client import get_client as get_client, get_testclient as get_testclient
from .streams import Event as Event, htmx_headers as htmx_headers
