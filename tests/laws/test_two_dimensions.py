"""Two dimensions at once, of whole reports: rows sum to one breakdown, columns to the other, all to the total."""

from hypothesis import given

from tests.pure import test_openai_report as openai
from tests.pure import test_tenant_report as tenants
from tests.support.profiles import examples

REQUESTS = "num_model_requests"


@openai.law
@given(openai.worlds, openai.costs_by_day)
def test_projects_models_and_users_sum_to_their_breakdowns(
    world: dict[str, openai.Days], costs: openai.Days
) -> None:
    report = openai.report_of(openai.answer_of(world, costs))
    known = {table.key for table in report.tables}
    for key, by_row, by_head in (
        ("project_by_model", "by_project", "by_model"),
        ("user_by_project", "by_user", "by_project"),
    ):
        if key not in known:
            amounts = [
                *openai.column(report, by_row, "cost"),
                *openai.column(report, by_row, REQUESTS),
            ]
            assert openai.total(amounts) is None, "there is something to cross"
            continue
        table = report.table(key)
        measure = "cost" if table.note.startswith("Cost") else REQUESTS
        assert (measure == "cost") == (
            openai.total(openai.column(report, by_row, "cost")) is not None
        )
        rows = openai.column(report, key, openai.BREAKDOWNS[by_row])
        assert dict(zip(rows, openai.column(report, key, "total"), strict=True)) == {
            row: amount
            for row, amount in zip(
                openai.column(report, by_row, openai.BREAKDOWNS[by_row]),
                openai.column(report, by_row, measure),
                strict=True,
            )
            if amount is not None
        }
        whole = table.totals or {}
        assert whole["total"] == (report.table(by_head).totals or {})[measure]
        of_heads = zip(
            openai.column(report, by_head, openai.BREAKDOWNS[by_head]),
            openai.column(report, by_head, measure),
            strict=True,
        )
        for head, amount in of_heads:
            name = "none" if head is None else f"{openai.BREAKDOWNS[by_head]}:{head}"
            assert whole.get(name) == amount


@examples(35)
@given(tenants.worlds, tenants.lists)
def test_tenants_and_months_at_once_sum_to_what_each_sums_to(
    counters: tenants.Counters, listed: list[str] | None
) -> None:
    report = tenants.build(tenants.answer_of(counters, listed=listed))
    by_tenant, months = tenants.rows_of(report), tenants.rows_of(report, "by_month")
    has_tokens = any(row["total_tokens"] is not None for row in by_tenant)
    measure = "total_tokens" if has_tokens else "requests"
    of_tenants = {row["tenant_id"]: row[measure] for row in by_tenant if row[measure] is not None}
    if "tenant_by_month" not in {table.key for table in report.tables}:
        assert not of_tenants, "there is something to cross"
        return
    crossed = tenants.rows_of(report, "tenant_by_month")
    assert {row["tenant_id"]: row["total"] for row in crossed} == of_tenants
    totals = report.table("tenant_by_month").totals or {}
    assert totals["total"] == report.totals[measure]
    assert {month: totals[month] for month in tenants.MONTHS} == {
        row["month"]: row[measure] for row in months
    }
    for row in crossed:
        cells = [row[month] for month in tenants.MONTHS if row[month] is not None]
        assert sum(cells) == row["total"]
