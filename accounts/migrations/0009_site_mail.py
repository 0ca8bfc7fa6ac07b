import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import jarvis_site.kernel.ids


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_domains_lapse"),
    ]

    operations = [
        migrations.CreateModel(
            name="SiteMail",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=jarvis_site.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("recipient", models.TextField()),
                ("subject", models.TextField()),
                ("body", models.TextField()),
                ("attempt", models.PositiveIntegerField(default=0)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("not_before", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("nudged_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("leased_until", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [models.Index(fields=["not_before"], name="accounts_sitemail_due")],
            },
        ),
        migrations.CreateModel(
            name="KnownDevice",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=jarvis_site.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("digest", models.CharField(max_length=64)),
                ("last_used_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("user", "digest"), name="accounts_knowndevice_once")],
            },
        ),
    ]
