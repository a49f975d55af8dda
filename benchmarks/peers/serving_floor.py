"""The floor: a raw ASGI application that calls LightGBM's fast single-row call; no checks, no token, no log.

`python serving_floor.py MODEL PORT`, under uvicorn with uvloop and httptools.
"""

import ctypes
import sys
from pathlib import Path

import lightgbm
import orjson
import uvicorn

BOOSTER = lightgbm.Booster(model_file=sys.argv[1])
NAMES = BOOSTER.feature_name()
WIDTH = len(NAMES)
LIBRARY = ctypes.CDLL(next(str(f) for f in Path(lightgbm.__file__).parent.rglob("lib_lightgbm.*")))
ROW, OUT, COUNT, CONFIG = (ctypes.c_double * WIDTH)(), (ctypes.c_double * 1)(), ctypes.c_int64(), ctypes.c_void_p()
LIBRARY.LGBM_BoosterPredictForMatSingleRowFastInit(
    BOOSTER._handle, 0, 0, -1, 1, ctypes.c_int32(WIDTH), b"num_threads=1", ctypes.byref(CONFIG)
)
JSON = [(b"content-type", b"application/json")]


def predict_many(rows: list[list[float]]) -> list[float]:
    """Several rows in one call."""
    flat = (ctypes.c_double * (WIDTH * len(rows)))(*[value for row in rows for value in row])
    out = (ctypes.c_double * len(rows))()
    LIBRARY.LGBM_BoosterPredictForMat(
        BOOSTER._handle, flat, 1, ctypes.c_int32(len(rows)), ctypes.c_int32(WIDTH), 1, 0, 0, -1, b"num_threads=1",
        ctypes.byref(COUNT), out,
    )  # fmt: skip
    return list(out)


async def app(scope, receive, send):  # type: ignore[no-untyped-def]
    """Answer."""
    if scope["type"] != "http":
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    document = orjson.loads(body)
    if "records" in document:
        found = predict_many([[record[name] for name in NAMES] for record in document["records"]])
    else:
        ROW[:] = [document[name] for name in NAMES]
        LIBRARY.LGBM_BoosterPredictForMatSingleRowFast(CONFIG, ROW, ctypes.byref(COUNT), OUT)
        found = [OUT[0]]
    content = orjson.dumps({"predictions": found})
    headers = [*JSON, (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


if __name__ == "__main__":
    uvicorn.run(
        app, port=int(sys.argv[2]), log_level="error", access_log=False, loop="uvloop", http="httptools", lifespan="off"
    )
