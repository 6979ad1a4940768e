"""Tenant usage: per-tenant counters in Redis, tenants from a control database."""

from datetime import UTC, datetime

from lib.reports.tenants.build import build_tenant_usage
from lib.ui.controls import remember_names
from lib.ui.downloads import show_downloads
from lib.ui.links import copy_link
from lib.ui.load import load_report, shown_before
from lib.ui.page import open_page
from lib.ui.show import show_report
from lib.ui.tenant_controls import names_of, tenant_controls

with open_page("tenant_usage") as page:
    asked = tenant_controls(page)
    source, query, runtime = asked.source, asked.query, page.runtime
    anew = asked.again and shown_before(page, asked)
    report = load_report(
        page,
        asked,
        fetch=lambda progress: runtime.load_tenants(source, query, progress, anew=anew),
        build=lambda answer: build_tenant_usage(
            answer, query, now=datetime.now(UTC), demo=source.demo
        ),
    )
    remember_names(page, source.scope, report, names_of)
    show_report(report, "red", asked.controls)
    with page.actions:
        show_downloads(report, "red")
        copy_link("red", asked.controls, query)
