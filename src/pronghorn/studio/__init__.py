"""The studio: a local page on which models are built, trained and looked into. `pronghorn studio` opens it.

It needs starlette and uvicorn: the extra `studio`.
"""
