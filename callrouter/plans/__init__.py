"""The dialplans as loaded from their folder. Their shape is ``callrouter/dialplan.py``.

``book`` which are in use, ``file`` one file read whole, ``beside`` the templates beside it, ``yaml_text`` strict YAML,
``remedies`` mistakes in an operator's words, ``schema`` for editors.
"""

from callrouter.plans.book import PlanBook, Plans, RefreshReport, load_plans
from callrouter.plans.file import CatalogueCheck
from callrouter.plans.schema import json_schema

__all__ = ["CatalogueCheck", "PlanBook", "Plans", "RefreshReport", "json_schema", "load_plans"]
