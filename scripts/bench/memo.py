"""The design of memo.py, for comparison: the cookie is the user id, GET parses and prints every memo of
the list, POST pushes the request's JSON. Run by gunicorn."""

import json
import os

from flask import Flask, jsonify, redirect, request
import redis

app = Flask(__name__)
rdb = redis.Redis.from_url(os.environ["REDIS_URL"])


@app.get("/memo")
def list_memos():
    user_id = request.cookies.get("userId")
    if not user_id:
        return redirect("/")
    memos = []
    if rdb.exists(f"user:{user_id}:memos"):
        for stored in rdb.lrange(f"user:{user_id}:memos", 0, -1):
            memos.insert(0, dict(json.loads(stored)))
    return jsonify(memos)


@app.post("/memo")
def add_memo():
    user_id = request.cookies.get("userId")
    if not user_id:
        return redirect("/")
    memo = json.dumps(dict(request.json)).encode("utf-8")
    rdb.rpush(f"user:{user_id}:memos", memo)
    return "", 200
