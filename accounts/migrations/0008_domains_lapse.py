from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0007_member_sessions'),
    ]

    operations = [
        migrations.AddField(
            model_name='emaildomain',
            name='missing_since',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='emaildomain',
            name='lapsed_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='membership',
            name='removed',
            field=models.BooleanField(default=False, editable=False),
        ),
    ]
