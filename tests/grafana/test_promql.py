"""The small reader of PromQL reads what it must."""

from tests.grafana.promql import filled_in, grouped_by, metrics_of, selectors_of


def test_metrics_selectors_and_groups_are_found() -> None:
    rate = 'sum by (le, buyer) (rate(callrouter_x_bucket{buyer=~"$buyer", reason!="callrouter_y"}[5m]))'
    expr = f'{rate} / up{{job="callrouter"}}'
    assert metrics_of(expr) == {"callrouter_x_bucket", "up"}
    first, last = selectors_of(expr)
    assert (first.metric, first.labels) == ("callrouter_x_bucket", ("buyer", "reason"))
    assert last.text == 'up{job="callrouter"}'
    assert grouped_by(expr) == {"le", "buyer"}


def test_variables_are_filled_in() -> None:
    assert filled_in('rate(a{b=~"$buyer"}[$__rate_interval])') == 'rate(a{b=~".*"}[20s])'
