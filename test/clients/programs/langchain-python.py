from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from openai import LengthFinishReasonError

from perform import perform


def model(step, url, **more):
    # `max_tokens` would be sent as `max_completion_tokens`, which vLLM takes too.
    return ChatOpenAI(base_url=url, api_key=step["key"], model=step["model"], max_tokens=step["maxTokens"], max_retries=step["retries"], **more)


def whole(answer):
    return {"text": answer.content, "finish": answer.response_metadata["finish_reason"]}


def chat(step, url, saw):
    return whole(model(step, url).invoke(step["content"]))


def tools(step, url, saw):
    weather = {"title": "weather", "description": "The weather of a city", **step["schema"]}
    return whole(model(step, url).bind_tools([weather], tool_choice="auto").invoke(step["content"]))


def structured(step, url, saw):
    schema = {"type": "json_schema", "json_schema": {"name": "place", "schema": step["schema"]}}
    try:
        return whole(model(step, url, extra_body={"structured_outputs": step["extra"]}).bind(response_format=schema).invoke(step["content"]))
    except LengthFinishReasonError as error:
        # It is cut short, so it is not parsed; it is what was sent.
        [choice] = error.completion.choices
        return {"text": choice.message.content, "finish": choice.finish_reason}


def embeddings(step, url, saw):
    # It would send token numbers, cut by a tokenizer that it downloads, rather than text.
    embedder = OpenAIEmbeddings(base_url=url, api_key=step["key"], model=step["model"], max_retries=step["retries"], check_embedding_ctx_length=False)
    return {"length": len(embedder.embed_query(step["content"]))}


def read(step, url, saw, longest=float("inf")):
    saw["text"] = ""
    stream = model(step, url).stream(step["content"])
    for chunk in stream:
        saw["text"] += chunk.content
        saw["finish"] = chunk.response_metadata.get("finish_reason") or saw.get("finish")
        if len(saw["text"]) > longest:
            stream.close()
            return


def cancel(step, url, saw):
    read(step, url, saw, longest=60)


perform({"chat": chat, "tools": tools, "structured": structured, "embeddings": embeddings, "stream": read, "cancel": cancel})
