"""Look-up: what a tenant has and what a call would use. Calls no provider and reads no key."""

from tenant_llm.bootstrap import lookup_service
from tenant_llm.surface import model_config, openai_models
from tenant_llm.surface.arguments import argument
from tenant_llm.surface.entrypoint import Answer, Call, entrypoint


def get_model_config(call: Call) -> Answer:
    """The named model, else the tenant's default of that type."""
    asked = model_config.ask(call)
    return Answer(
        model_config.render(lookup_service().model_config(call.caller.tenant_id, asked.llm_type, asked.llm_name))
    )


def list_models(call: Call) -> Answer:
    """The tenant's models, in OpenAI's shape."""
    return Answer(openai_models.render_list(lookup_service().models(call.caller.tenant_id)))


def get_model(call: Call) -> Answer:
    """One of them."""
    rows = lookup_service().models(call.caller.tenant_id)
    return Answer(openai_models.render(openai_models.pick(rows, argument(call, "model"))))


def get_my_llms(call: Call) -> Answer:
    """The tenant's models that can be called."""
    return Answer({"llms": lookup_service().my_llms(call.caller.tenant_id)})


def list_factories(call: Call) -> Answer:  # noqa: ARG001 (every operation takes a call)
    """The catalogue."""
    return Answer({"factories": lookup_service().factories()})


def get_llm_type(call: Call) -> Answer:
    """A model's type, by the catalogue and the tenant's own rows: what other tenants have is not told."""
    llm_id = argument(call, "llm_id")
    return Answer({"llm_id": llm_id, "llm_type": lookup_service().llm_type(llm_id, call.caller.tenant_id)})


handler = entrypoint(
    {
        "GET /v1/model-config": get_model_config,
        "GET /v1/models": list_models,
        "GET /v1/models/{model+}": get_model,
        "GET /v1/llms": get_my_llms,
        "GET /v1/factories": list_factories,
        "GET /v1/llm-type": get_llm_type,
    },
    prepare=lookup_service,
)
