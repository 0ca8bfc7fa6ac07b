from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_erasure")]

    operations = [
        migrations.AddField(
            model_name="membership",
            name="sessions_ended_at",
            field=models.DateTimeField(editable=False, null=True),
        )
    ]
