import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import jarvis_site.kernel.ids


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0009_site_mail'),
    ]

    operations = [
        migrations.CreateModel(
            name='FormerAddress',
            fields=[
                ('id', models.UUIDField(default=jarvis_site.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('slug', models.SlugField(max_length=60, unique=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('organization', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.organization')),
            ],
        ),
    ]
