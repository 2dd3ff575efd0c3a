from openai import OpenAI

from perform import perform


def client(step, url):
    return OpenAI(base_url=url, api_key=step["key"], max_retries=step["retries"])


def ask(step, url, **more):
    messages = [{"role": "user", "content": step["content"]}]
    return client(step, url).chat.completions.create(model=step["model"], max_tokens=step["maxTokens"], temperature=0, messages=messages, **more)


def whole(answer):
    return {"text": answer.choices[0].message.content, "finish": answer.choices[0].finish_reason}


def chat(step, url, saw):
    return whole(ask(step, url))


def tools(step, url, saw):
    return whole(ask(step, url, tools=[{"type": "function", "function": {"name": "weather", "parameters": step["schema"]}}], tool_choice="auto"))


def structured(step, url, saw):
    schema = {"type": "json_schema", "json_schema": {"name": "place", "schema": step["schema"]}}
    return whole(ask(step, url, response_format=schema, extra_body={"structured_outputs": step["extra"]}))


def embeddings(step, url, saw):
    return {"length": len(client(step, url).embeddings.create(model=step["model"], input=step["content"]).data[0].embedding)}


def read(step, url, saw, longest=float("inf")):
    saw["text"] = ""
    with ask(step, url, stream=True) as stream:
        for chunk in stream:
            for choice in chunk.choices:
                saw["text"] += choice.delta.content or ""
                saw["finish"] = choice.finish_reason or saw.get("finish")
            if len(saw["text"]) > longest:
                return


def cancel(step, url, saw):
    read(step, url, saw, longest=60)


perform({"chat": chat, "tools": tools, "structured": structured, "embeddings": embeddings, "stream": read, "cancel": cancel})
